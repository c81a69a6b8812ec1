"""The verdict over one run and over all runs of a drill. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..access import SESSION
from . import audits, figures, service, unserved
from .audits import Evidence, Finding
from .excuse import served_at
from .figures import Change, Outage
from .latency import measured
from .phases import phases
from .settings import Bars
from .timeline import Event

ABSENCE, OUTAGE = "PostgreSQL's absence", "write outage, worst connecting client"
"""Names of spans, in the JSON of a report."""


@dataclass(frozen=True)
class Run:
    """One run of a drill, judged."""

    drill: str
    number: int
    evidence: Evidence
    findings: tuple[Finding, ...]
    events: tuple[Event, ...]

    @property
    def passed(self) -> bool:
        return bool(self.findings) and all(finding.passed for finding in self.findings)

    @property
    def delays(self) -> dict[str, float]:
        """Route delay of every node, if the primary changed."""
        change = self.evidence.change
        if change is None:
            return {}
        return figures.route_delays(self.evidence.seen, change, self.evidence.addresses)

    @property
    def worst(self) -> Outage | None:
        """The longest write outage of a connecting client, if the primary changed."""
        evidence = self.evidence
        if evidence.change is None:
            return None
        found = figures.outages(evidence.seen, evidence.change, evidence.addresses)
        there = served_at(evidence, evidence.change.out_of_recovery)
        of_the_living = [outage for client, outage in found.items() if there(client)]
        return max(of_the_living, key=lambda outage: outage.length, default=None)

    @property
    def ratio(self) -> float | None:
        """Worst write outage / PostgreSQL's absence."""
        change, worst = self.evidence.change, self.worst
        return None if change is None or worst is None else worst.length / change.absence


def overall(runs: Sequence[Run], wanted: int, bars: Bars) -> list[Finding]:
    """Returns what is judged over all runs: that all passed, the ratio, the route delay."""
    passed = sum(run.passed for run in runs)
    found = [Finding("runs passed", passed == wanted > 0, f"{passed} of {wanted}", "all")]
    planned = [run for run in runs if any(each.name == service.RATIO for each in run.findings)]
    ratios = [ratio for run in planned if (ratio := service.switchover_ratio(run.evidence))]
    if ratios:
        text = f"median {figures.median(ratios):.2f}, worst {max(ratios):.2f}"
        name = service.RATIO
        found.append(Finding(name, max(ratios) <= bars.ratio, text, f"{bars.ratio:g}"))
    delays = [delay for run in planned for delay in run.delays.values()]
    if delays:
        worst = figures.percentile(delays, 0.95)
        text = f"{worst * 1000:.0f} ms"
        detail = f"median {figures.median(delays) * 1000:.0f} ms, of {len(delays)}"
        name = "HAProxy leads to the new primary (p95)"
        bar = f"{bars.route_delay * 1000:.0f} ms"
        found.append(Finding(name, worst <= bars.route_delay, text, bar, detail))
    return found


def spans(runs: Sequence[Run]) -> dict[str, tuple[float, float]]:
    """Returns median and worst, in s, of what is told without a bar."""
    changes = [run.evidence.change for run in runs]
    absences = [change.absence for change in changes if change is not None]
    outages = [run.worst.length for run in runs if run.worst is not None]
    named = {ABSENCE: absences, OUTAGE: outages}
    return {name: (figures.median(values), max(values)) for name, values in named.items() if values}


def as_json(run: Run) -> dict[str, Any]:
    """Returns a run with its raw figures; times are s relative to the event."""
    evidence, seen = run.evidence, run.evidence.seen
    found, missing = audits.unknown_rows(evidence)
    change = evidence.change
    result: dict[str, Any] = {
        "drill": run.drill,
        "run": run.number,
        "passed": run.passed,
        "findings": [asdict(finding) for finding in run.findings],
        "started": evidence.started,
        "primary_before": evidence.primary,
        "primary_expected": evidence.expected,
        "died": sorted(evidence.died),
        "failures_cleared": evidence.cleared,
        "sightings": [
            {**asdict(each), "at": each.at - evidence.started} for each in evidence.sightings
        ],
        "outcomes": figures.outcomes(seen.attempts),
        "outcomes_by_client": figures.outcomes_by_client(seen.attempts),
        "unknown_writes": {"in_table": found, "not_in_table": missing},
        "longest_between_acks": _finite(figures.stalls(seen)),
        "unserved": {kind: asdict(each) for kind, each in unserved.by_kind(evidence).items()},
        "client_cpu_share": figures.cpu_share(seen),
        "load_per_cpu": evidence.load,
    }
    if (latency := measured(evidence)) is not None:
        result["open_loop"] = latency.as_json()
    if change is not None:
        addresses = evidence.addresses
        result["change"] = {
            "last_commit": change.last_commit - evidence.started,
            "out_of_recovery": change.out_of_recovery - evidence.started,
            "absence": change.absence,
            "outage_connecting": _parts(change, figures.outages(seen, change, addresses)),
            "outage_session": _parts(change, figures.outages(seen, change, addresses, SESSION)),
            **_finite({"ratio": run.ratio or math.inf, "worst_outage": _length(run.worst)}),
            "route_delay": _finite(run.delays),
        }
    result["phases"] = phases(run.events, evidence.started)
    result["timeline"] = [
        {"at": round(event.at - evidence.started, 6), "node": event.node, "who": event.who,
         "text": event.text}
        for event in run.events
    ]  # fmt: skip
    return result


def _length(outage: Outage | None) -> float:
    return math.inf if outage is None else outage.length


def _parts(change: Change, found: dict[str, Outage]) -> dict[str, dict[str, float | None]]:
    """Returns each outage, and how much of it came before PostgreSQL's absence and after it."""
    return {
        client: _finite(
            {
                "length": outage.length,
                "before": change.last_commit - outage.last,
                "after": outage.first - change.out_of_recovery,
            }
        )
        for client, outage in found.items()
    }


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    """JSON knows no infinity: what never came is null."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
