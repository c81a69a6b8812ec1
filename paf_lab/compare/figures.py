"""What one trial, and several of the same, come to. Pure; times in s."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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
from ..drill.records import DOWN, FAILED, MISROUTED, PRIMARY, REFUSED, UNKNOWN, Attempt, Records

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

    @property
    def ratio(self) -> float | None:
        """Write outage / PostgreSQL's absence."""
        return self.outage / self.absence if self.absence else None


def trial(topology: str, drill: str, number: int, evidence: Evidence, haproxy: bool) -> Trial:
    """Returns the figures of what was seen. haproxy: whether clients go through one."""
    seen = evidence.seen
    living = [each for each in seen.attempts if each.node not in evidence.died]
    new = [each for each in living if each.new]
    away = _absence(evidence)
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
    )


def outage(evidence: Evidence) -> float:
    """Returns the longest time without writes of a connecting client of a node that lived: between
    the ends of two acknowledged ones, infinity if there was none at the end. By whom they were
    acknowledged does not matter: a virtual address tells nobody.
    """
    worst = 0.0
    for client, attempts in by_client(evidence.seen.attempts).items():
        node, _, kind = client.partition("/")
        if kind != CONNECTING or node in evidence.died:
            continue
        ends = sorted(each.end for each in acknowledged(attempts))
        if not ends or ends[-1] < evidence.settled:
            return math.inf
        late = [end for end in ends if end >= evidence.started - 1]
        worst = max([worst, *(after - before for before, after in zip(late, late[1:]))])
    return worst


def _absence(evidence: Evidence) -> tuple[float, float] | None:
    """Returns since when and until when PostgreSQL took no writes, or None if it always did."""
    change = evidence.change
    if change is not None:
        return change.last_commit, change.out_of_recovery
    mine = [
        each
        for each in evidence.seen.roles
        if each.node == evidence.primary and each.at >= evidence.started
    ]
    down = next((each for each in mine if each.role == DOWN), None)
    if down is None:
        return None
    back = [each.at for each in mine if each.role == PRIMARY and each.at > down.at]
    return (down.before or down.at, min(back)) if back else None


def agreement(seen: Records, evidence: Evidence, since: float) -> float:
    """Returns how long after `since` the last HAProxy led to the expected primary, and to no other;
    infinity if one never did. HAProxys of nodes that died need not.
    """
    worst = 0.0
    for node in set(evidence.addresses) - evidence.died:
        told = [each for each in seen.servers if each.node == node]
        good = [each.at for each in told if each.leads_to == {evidence.expected}]
        before = [each for each in told if each.at <= since]
        if before and before[-1].leads_to == {evidence.expected}:
            continue  # all along
        worst = max(worst, min((at for at in good if at >= since), default=math.inf) - since)
    return worst


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
    )
