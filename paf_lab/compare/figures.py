"""What one trial, and several of the same, come to. Pure; times in s."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..access import CONNECTING
from ..drill.audits import Evidence
from ..drill.figures import (
    acknowledged,
    by_client,
    median,
    outcomes,
    overtaken,
    strip,
)
from ..drill.records import FAILED, MISROUTED, REFUSED, UNKNOWN, Attempt
from . import machine, service
from .absence import absence, agreement
from .machine import Machine, Sample
from .service import Service

Strip = tuple[float, float, str]
"""Since, until, outcome; in s after the event."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One fault on one topology. The terms are explained in paf_lab/compare/__init__.py."""

    topology: str
    drill: str
    number: int
    trouble: str
    """Why it did not run as it should; empty if it did."""
    outage: float
    """Infinity if nobody wrote again."""
    absence: float | None
    """None if PostgreSQL was not away."""
    connections: int
    failed: int
    writes: int
    misrouted: int
    """Writes."""
    stray_reads: int
    """Reads that a primary answered."""
    held: int
    acknowledged: int
    lost: int
    """Acknowledged rows that were not in the table afterwards."""
    two_primaries: int
    """Writes acknowledged on a timeline after the next one had acknowledged one."""
    agreement: float | None
    """None where there is no HAProxy, or nothing to agree on."""
    strips: Mapping[str, Sequence[Strip]]
    """Of each connecting client."""
    reads: int = 0
    service: Service = field(default_factory=Service)
    machine: Machine = field(default_factory=Machine)
    phases: Mapping[str, float] = field(default_factory=dict)
    """Of a switchover with Pacemaker, in s; see paf_lab/drill/phases.py."""

    @property
    def ratio(self) -> float | None:
        """Write outage / PostgreSQL's absence."""
        return self.outage / self.absence if self.absence else None


def trial(
    topology: str,
    drill: str,
    number: int,
    evidence: Evidence,
    haproxy: bool,
    samples: Sequence[Sample] = (),
) -> Trial:
    """Returns the figures of what was seen. haproxy: whether clients go through one. samples: of
    the machine's CPU.
    """
    seen = evidence.seen
    living = [each for each in seen.attempts if each.node not in evidence.died]
    new = [each for each in living if each.new]
    away = absence(evidence)
    writes = [each for each in seen.attempts if each.writes]
    reads = [each for each in seen.attempts if not each.writes]
    acks = acknowledged(seen.attempts)
    return Trial(
        topology=topology,
        drill=drill,
        number=number,
        trouble=evidence.trouble,
        outage=outage(evidence),
        absence=None if away is None else away[1] - away[0],
        connections=len(new),
        failed=sum(each.outcome in (REFUSED, FAILED, UNKNOWN) for each in new),
        writes=len(writes),
        misrouted=sum(each.outcome == MISROUTED for each in writes),
        stray_reads=sum(each.outcome == MISROUTED for each in reads),
        held=sum(kind.get("held", 0) for kind in outcomes(living).values()),
        acknowledged=len(acks),
        lost=sum((each.client, each.sequence) not in evidence.rows for each in acks),
        two_primaries=len(overtaken(acks)),
        agreement=agreement(seen, evidence, away[1]) if haproxy and away is not None else None,
        strips=_strips(living, evidence.started),
        reads=len(reads),
        service=service.measured(evidence),
        machine=machine.measured(samples, evidence, away),
    )


def outage(evidence: Evidence) -> float:
    """Returns the longest time without writes of a connecting client of a node that lived; infinity
    if there was none at the end.
    """
    return service.gaps(evidence, CONNECTING).longest


def _strips(attempts: Iterable[Attempt], zero: float) -> dict[str, list[Strip]]:
    mine = by_client(each for each in attempts if each.kind == CONNECTING)
    return {
        client: [
            (round(span.since - zero, 3), round(span.until - zero, 3), span.outcome)
            for span in strip(found)
        ]
        for client, found in sorted(mine.items())
    }


@dataclass(frozen=True, kw_only=True)
class Summary:
    """All trials of one fault on one topology; sums of counts, median and worst of times."""

    topology: str
    drill: str
    trials: int
    troubles: tuple[str, ...]
    outage: float
    worst_outage: float
    absence: float
    ratio: float
    worst_ratio: float
    connections: int
    failed: int
    writes: int
    misrouted: int
    held: int
    acknowledged: int
    lost: int
    two_primaries: int
    agreement: float
    """NaN where there is nothing to agree on, as are absence and ratio without an absence."""
    reads: int = 0
    stray_reads: int = 0
    service: Service = field(default_factory=Service)
    machine: Machine = field(default_factory=Machine)
    worst_load: float = math.nan
    phases: Mapping[str, float] = field(default_factory=dict)
    """Medians."""


def summary(trials: Sequence[Trial]) -> Summary:
    """Returns what several trials of the same come to. There must be one."""
    first = trials[0]
    ratios = [each.ratio for each in trials if each.ratio is not None]
    return Summary(
        topology=first.topology,
        drill=first.drill,
        trials=len(trials),
        troubles=tuple(each.trouble for each in trials if each.trouble),
        outage=median([each.outage for each in trials]),
        worst_outage=max(each.outage for each in trials),
        absence=median([each.absence for each in trials if each.absence is not None]),
        ratio=median(ratios),
        worst_ratio=max(ratios, default=math.nan),
        connections=sum(each.connections for each in trials),
        failed=sum(each.failed for each in trials),
        writes=sum(each.writes for each in trials),
        misrouted=sum(each.misrouted for each in trials),
        held=sum(each.held for each in trials),
        acknowledged=sum(each.acknowledged for each in trials),
        lost=sum(each.lost for each in trials),
        two_primaries=sum(each.two_primaries for each in trials),
        agreement=median([each.agreement for each in trials if each.agreement is not None]),
        reads=sum(each.reads for each in trials),
        stray_reads=sum(each.stray_reads for each in trials),
        service=service.together([each.service for each in trials]),
        machine=machine.together([each.machine for each in trials]),
        worst_load=max((each.machine.load for each in trials), default=math.nan),
        phases={
            name: median([each.phases[name] for each in trials if each.phases])
            for name in dict.fromkeys(name for each in trials for name in each.phases)
        },
    )
