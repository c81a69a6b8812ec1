"""What a drill shows: while it runs, after each run, and at the end."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from ..display import FittedTable
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
"""The most events that the live view shows."""


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
        self._live.update(self.render())

    def render(self) -> RenderableType:
        """Returns the title, the outcomes, and as many of the last events as there is room for."""
        counts = "  ".join(f"{name} {count}" for name, count in self._outcomes.most_common())
        head = Group(Text(f"{self._title}: {self._phase}", style="bold"), Text(counts))
        for first in range(len(self._events)):
            found = Group(head, event_table(list(self._events)[first:], self._began))
            if len(self._console.render_lines(found, pad=False)) < self._console.height:
                return found
        return head


def event_table(events: Sequence[Event], zero: float) -> FittedTable:
    """Returns the timeline; times are relative to `zero`."""
    rows = []
    for event in events:
        style = COLOURS.get(event.who, "")
        moment = f"{event.at - zero:+.3f} s"
        rows.append((moment, event.node, Text(event.who, style), Text(event.text, style)))
    return FittedTable([""] * 4, rows, keys=3)


def finding_table(findings: Sequence[Finding]) -> FittedTable:
    """Returns a verdict line by line."""
    rows = []
    for finding in findings:
        detail = "" if finding.passed and len(finding.detail) > 60 else finding.detail
        rows.append((_sign(finding.passed), finding.name, finding.value, finding.bar, detail))
    return FittedTable(("", "audit", "measured", "bar", ""), rows, keys=2)


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


def outcome_table(run: Run) -> FittedTable:
    """Returns how often each outcome came, by kind of client."""
    counts = figures.outcomes(run.evidence.seen.attempts)
    names = sorted({name for each in counts.values() for name in each})
    rows = [[kind, *(str(each.get(name, 0)) for name in names)] for kind, each in counts.items()]
    return FittedTable(["client", *names], rows)


def run_table(runs: Sequence[Run]) -> FittedTable:
    """Returns a line for each run."""
    heads = ("drill", "primary", "absence", "worst outage", "ratio", "route, worst", "failed")
    return FittedTable(("", *heads, "held"), [_row(run) for run in runs], keys=2)


def show_overall(
    console: Console, title: str, runs: Sequence[Run], findings: Sequence[Finding]
) -> None:
    """Prints what is judged over all runs."""
    if len(runs) > 1:
        console.print(run_table(runs))
    console.print(finding_table(findings))
    for name, (middle, worst) in spans(runs).items():
        console.print(f"{name}: median {middle:.3f} s, worst {worst:.3f} s", markup=False)
    passed = all(finding.passed for finding in findings)
    word = Text("passed", "bold green") if passed else Text("FAILED", "bold red")
    console.print(Text(f"{title}: ") + word)


def _sign(passed: bool) -> Text:
    return Text("pass", "green") if passed else Text("FAIL", "bold red")


def _row(run: Run) -> list[str | Text]:
    change, worst, ratio = run.evidence.change, run.worst, run.ratio
    counts = figures.outcomes(run.evidence.seen.attempts).values()
    failed = sum(each.get("refused", 0) + each.get("failed", 0) for each in counts)
    held = sum(each.get("held", 0) for each in counts)
    tail = [str(failed), str(held)]
    path = f"{run.evidence.primary} -> {run.evidence.expected}"
    head: list[str | Text] = [_sign(run.passed), run.drill, path]
    if change is None or worst is None or ratio is None:
        return [*head, "", "", "", "", *tail]
    delay = max(run.delays.values(), default=float("nan"))
    spans = [f"{change.absence:.3f} s", f"{worst.length:.3f} s", f"{ratio:.2f}"]
    return [*head, *spans, f"{delay * 1000:.0f} ms", *tail]
