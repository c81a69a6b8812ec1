"""A line for each switchover of a sweep. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.text import Text

from ...display import FittedTable
from .. import audits
from ..excuse import accountable
from ..figures import acknowledged
from ..records import FAILED, MISROUTED, REFUSED, UNKNOWN
from ..verdict import Run
from .strike import Strike, away

HEADS = ("", "at", "killed at", "primary", "away", "failed", "misrouted", "lost", "split")
STEPS_MOST = 1000
"""Switchovers of one sweep: each takes half a minute."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Times in s. at: the moment that was asked for, struck: that of the kill, both after the
    notification; None: nothing was killed. without_primary: None if no write was acknowledged any
    more. failed: new connections of clients of nodes that were there. split: writes that two
    primaries or two timelines acknowledged. broken: the limits that were not met.
    """

    at: float
    struck: float | None
    before: str
    after: str
    without_primary: float | None
    failed: int
    misrouted: int
    lost: int
    split: int
    load_per_cpu: float
    broken: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.broken

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


def row(strike: Strike, run: Run) -> Row:
    """Returns what came of one switchover."""
    evidence = run.evidence
    attempts = evidence.seen.attempts
    longest = away(evidence)
    lost = [
        each for each in acknowledged(attempts) if (each.client, each.sequence) not in evidence.rows
    ]
    two = (audits.one_primary(evidence), audits.one_timeline(evidence))
    return Row(
        at=strike.offset,
        struck=None if strike.blow is None else strike.blow.struck,
        before=evidence.primary,
        after=evidence.expected,
        without_primary=longest if math.isfinite(longest) else None,
        failed=sum(
            each.new and each.outcome in (REFUSED, FAILED, UNKNOWN)
            for each in accountable(evidence)
        ),
        misrouted=sum(each.outcome == MISROUTED for each in attempts),
        lost=len(lost),
        split=sum(int(each.value.split()[0]) for each in two),
        load_per_cpu=evidence.load,
        broken=tuple(
            f"{each.name}: {each.value}, not {each.bar}" for each in run.findings if not each.passed
        ),
    )


def table(rows: Sequence[Row]) -> FittedTable:
    lines = [
        (
            Text("pass", "green") if each.passed else Text("FAIL", "bold red"),
            milliseconds(each.at),
            milliseconds(each.struck),
            each.before if each.after == each.before else f"{each.before} -> {each.after}",
            "forever" if each.without_primary is None else f"{each.without_primary:.1f} s",
            str(each.failed),
            str(each.misrouted),
            str(each.lost),
            str(each.split),
            "; ".join(each.broken),
        )
        for each in rows
    ]
    return FittedTable((*HEADS, "limits broken"), lines, keys=2)


def milliseconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds * 1000:.0f} ms"


def document(
    measured: dict[str, Any], facts: dict[str, Any], versions: dict[str, str], rows: Sequence[Row]
) -> dict[str, Any]:
    """Returns a sweep as JSON. measured: what provenance.stamp() returned. facts: the options, with
    "switchovers", how many there should be.
    """
    away = [each.without_primary for each in rows]
    worst = None if None in away else max((each or 0.0 for each in away), default=None)
    return {
        **measured,
        **facts,
        "passed": len(rows) == facts["switchovers"] > 0 and all(each.passed for each in rows),
        "worst_without_primary": worst,
        "versions": versions,
        "rows": [each.as_json() for each in rows],
    }


def moments(since: int, until: int, step: int) -> list[float]:
    """Returns the moments from `since` to `until` ms, both included, every `step` ms, in s.

    Raises ValueError if there is none, or if there are too many.
    """
    found = [each / 1000 for each in range(since, until + 1, step)]
    if not found:
        raise ValueError(f"--from {since} is later than --to {until}")
    if len(found) > STEPS_MOST:
        raise ValueError(f"{len(found)} switchovers are too many: use a larger --step")
    return found
