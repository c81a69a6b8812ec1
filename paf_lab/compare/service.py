"""How clients of one trial were served, beyond the longest write outage. Pure; times in s."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..access import CONNECTING, POOLED_KINDS, READER, SESSION
from ..drill import latency
from ..drill.audits import Evidence
from ..drill.figures import by_client, median
from ..drill.records import ACK
from ..drill.unserved import COUNTED, Unserved

NOTHING = Unserved(math.nan, math.nan)


@dataclass(frozen=True)
class Shares:
    """Requests at a fixed rate. requests: all that were due from the event on. within: shares that
    were served within the times of paf_lab/drill/latency.py, WITHIN.
    """

    requests: int
    within: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Service:
    """Of nodes that lived. A time is NaN if there was no such client."""

    gaps: float = math.nan
    """Sum of the gaps of the connecting client that was worst off; see `gaps`."""
    read_outage: float = math.nan
    """The longest gap of a reader."""
    read_gaps: float = math.nan
    """Sum of the gaps of the reader that was worst off."""
    sessions: int = 0
    """Clients that keep a session."""
    sessions_lost: int = 0
    """Established sessions that ended with an error."""
    pooled: int = 0
    """Transactions of sessions through PgBouncer."""
    pooled_failed: int = 0
    open_loop: Shares | None = None


def gaps(evidence: Evidence, kind: str) -> Unserved:
    """Returns the longest time between the ends of two acknowledged attempts of a client of this
    kind, and the largest sum of such times of one client: those of COUNTED s and more; if there are
    none, the longest one. Infinity if a client had no answer at the end. NaN without such clients.

    By whom they were acknowledged does not matter: a virtual address tells nobody.
    """
    worst = NOTHING
    for client, attempts in by_client(evidence.seen.attempts).items():
        node, _, its = client.partition("/")
        if its != kind or node in evidence.died:
            continue
        ends = sorted(each.end for each in attempts if each.outcome == ACK)
        if not ends or ends[-1] < evidence.settled:
            return Unserved(math.inf, math.inf)
        late = [end for end in ends if end >= evidence.started - 1]
        lengths = [after - before for before, after in zip(late, late[1:])]
        longest = max(lengths, default=0.0)
        total = max(longest, sum(each for each in lengths if each >= COUNTED))
        if worst is NOTHING:
            worst = Unserved()
        worst = Unserved(max(longest, worst.longest), max(total, worst.total))
    return worst


def measured(evidence: Evidence) -> Service:
    """Returns the figures of what was seen."""
    living = [
        each
        for each in evidence.seen.attempts
        if each.node not in evidence.died and each.end >= evidence.started
    ]
    kept = [each for each in living if each.kind == SESSION and not each.new]
    pooled = [each for each in living if each.kind in POOLED_KINDS]
    reads = gaps(evidence, READER)
    return Service(
        gaps=gaps(evidence, CONNECTING).total,
        read_outage=reads.longest,
        read_gaps=reads.total,
        sessions=len({each.client for each in living if each.kind == SESSION}),
        sessions_lost=sum(each.outcome != ACK for each in kept),
        pooled=len(pooled),
        pooled_failed=sum(each.outcome != ACK for each in pooled),
        open_loop=_shares(latency.measured(evidence)),
    )


def _shares(found: latency.Latency | None) -> Shares | None:
    if found is None:
        return None
    return Shares(found.requests, tuple(found.shares[limit] for limit in latency.WITHIN))


def together(found: Sequence[Service]) -> Service:
    """Returns what several trials of the same come to: medians of times, sums of counts, shares of
    all requests.
    """
    return Service(
        gaps=_median([each.gaps for each in found]),
        read_outage=_median([each.read_outage for each in found]),
        read_gaps=_median([each.read_gaps for each in found]),
        sessions=sum(each.sessions for each in found),
        sessions_lost=sum(each.sessions_lost for each in found),
        pooled=sum(each.pooled for each in found),
        pooled_failed=sum(each.pooled_failed for each in found),
        open_loop=_all([each.open_loop for each in found if each.open_loop is not None]),
    )


def _median(values: Sequence[float]) -> float:
    return median([value for value in values if not math.isnan(value)])


def _all(found: Sequence[Shares]) -> Shares | None:
    requests = sum(each.requests for each in found)
    if not requests:
        return None
    limits = range(len(latency.WITHIN))
    served = (sum(each.within[n] * each.requests for each in found) for n in limits)
    return Shares(requests, tuple(value / requests for value in served))
