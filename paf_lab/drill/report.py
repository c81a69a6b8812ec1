"""What a drill shows: while it runs, after each run, and at the end."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from . import audits, figures
from .audits import Finding
from .latency import measured
from .timeline import Event
from .verdict import Run, spans

COLOURS = {
    "drill": "bold",
    "Pacemaker": "cyan",
    "agent": "green",
    "PAF": "blue",
    "HAProxy": "yellow",
    "PostgreSQL": "magenta",
    "client": "white",
}
SHOWN = 16
"""Events that the live view holds."""


class LiveView:
    """Shows the last events, the phase and the clients' outcomes on a terminal; one line a phase
    where there is none. Used as a context manager around one run.
    """

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._events: deque[Event] = deque(maxlen=SHOWN)
        self._phase = ""
        self._outcomes: Counter[str] = Counter()
        self._began = time.time()
        self._live = Live(console=console, transient=True, refresh_per_second=5)

    def __enter__(self) -> LiveView:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def update(self, phase: str, events: Sequence[Event], outcomes: Counter[str]) -> None:
        """Takes in what is new."""
        if not self._console.is_terminal:
            if phase != self._phase:
                passed = time.time() - self._began
                self._console.print(f"{self._title} {passed:6.1f} s  {phase}", markup=False)
            self._phase = phase
            return
        self._phase = phase
        self._events.extend(events)
        self._outcomes = Counter(outcomes)
        self._live.update(self._render())

    def _render(self) -> RenderableType:
        counts = "  ".join(f"{name} {count}" for name, count in self._outcomes.most_common())
        head = Text(f"{self._title}: {self._phase}", style="bold")
        return Group(head, Text(counts), event_table(list(self._events), self._began))


def event_table(events: Sequence[Event], zero: float) -> Table:
    """Returns the timeline; times are relative to `zero`."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right")
    for _ in range(3):
        table.add_column()
    for event in events:
        style = COLOURS.get(event.who, "")
        moment = f"{event.at - zero:+.3f} s"
        table.add_row(moment, event.node, Text(event.who, style), Text(event.text, style))
    return table


def finding_table(findings: Sequence[Finding]) -> Table:
    """Returns a verdict line by line."""
    table = Table("", "audit", "measured", "bar", "", box=SIMPLE_HEAD)
    for finding in findings:
        sign = Text("pass", "green") if finding.passed else Text("FAIL", "bold red")
        detail = "" if finding.passed and len(finding.detail) > 60 else finding.detail
        row = (finding.name, finding.value, finding.bar, detail)
        table.add_row(sign, *(Text(cell) for cell in row))
    return table


def show_run(console: Console, run: Run) -> None:
    """Prints timeline and verdict of one run."""
    console.print(event_table(run.events, run.evidence.started))
    console.print(finding_table(run.findings))
    console.print(outcome_table(run))
    evidence, change = run.evidence, run.evidence.change
    there, missing = audits.unknown_rows(evidence)
    lines = [
        f"writes of unknown outcome: {there} in the table, {missing} not",
        f"clients took {figures.cpu_share(evidence.seen):.0%} of a core; load average"
        f" {evidence.load:.2f} per CPU",
    ]
    if change is not None and run.worst is not None:
        before = change.last_commit - run.worst.last
        after = run.worst.first - change.out_of_recovery
        lines.insert(
            0,
            f"worst write outage: {run.worst.length:.3f} s = {before:.3f} before PostgreSQL's"
            f" absence + {change.absence:.3f} of it + {after:.3f} after it",
        )
        delays = ", ".join(f"{node} {delay * 1000:.0f} ms" for node, delay in run.delays.items())
        lines.insert(0, f"HAProxy led to {change.new} after it left recovery: {delays}")
    if (latency := measured(evidence)) is not None:
        shares = ", ".join(f"{share:.1%} in {s:g} s" for s, share in latency.shares.items())
        lines.append(f"open loop: {latency.requests} requests, answered: {shares}")
    for line in lines:
        console.print(line, markup=False)


def outcome_table(run: Run) -> Table:
    """Returns how often each outcome came, by kind of client."""
    counts = figures.outcomes(run.evidence.seen.attempts)
    names = sorted({name for each in counts.values() for name in each})
    table = Table("client", *names, box=SIMPLE_HEAD)
    for kind, each in counts.items():
        table.add_row(kind, *(str(each.get(name, 0)) for name in names))
    return table


def show_overall(
    console: Console, title: str, runs: Sequence[Run], findings: Sequence[Finding]
) -> None:
    """Prints what is judged over all runs."""
    if len(runs) > 1:
        heads = ("drill", "primary", "absence", "worst outage", "ratio", "route, worst", "failed")
        table = Table(*heads, "held", "", box=SIMPLE_HEAD)
        for run in runs:
            table.add_row(*_row(run))
        console.print(table)
    console.print(finding_table(findings))
    for name, (middle, worst) in spans(runs).items():
        console.print(f"{name}: median {middle:.3f} s, worst {worst:.3f} s", markup=False)
    passed = all(finding.passed for finding in findings)
    word = Text("passed", "bold green") if passed else Text("FAILED", "bold red")
    console.print(Text(f"{title}: ") + word)


def _row(run: Run) -> list[str]:
    change, worst, ratio = run.evidence.change, run.worst, run.ratio
    counts = figures.outcomes(run.evidence.seen.attempts).values()
    failed = sum(each.get("refused", 0) + each.get("failed", 0) for each in counts)
    held = sum(each.get("held", 0) for each in counts)
    tail = [str(failed), str(held), "pass" if run.passed else "FAIL"]
    path = f"{run.evidence.primary} -> {run.evidence.expected}"
    if change is None or worst is None or ratio is None:
        return [run.drill, path, "", "", "", "", *tail]
    delay = max(run.delays.values(), default=float("nan"))
    spans = [f"{change.absence:.3f} s", f"{worst.length:.3f} s", f"{ratio:.2f}"]
    return [run.drill, path, *spans, f"{delay * 1000:.0f} ms", *tail]
