"""How long clients were without an answer, in one gap and in all gaps together. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..access import POOLED_READER, READER
from .audits import Evidence, Finding
from .excuse import excused
from .records import ACK

COUNTED = 0.5
"""s between two answers, from which on a client was not served; clients ask every 0.1 s."""


@dataclass(frozen=True)
class Unserved:
    """What the client of a kind that was worst off had to bear, in s: its longest gap, and the sum
    of its gaps.
    """

    longest: float = 0.0
    total: float = 0.0


def audit(evidence: Evidence, writers: float, readers: float) -> list[Finding]:
    """No client was without an answer for longer than so many s altogether while its node was
    there: writers, and readers.
    """
    found = by_kind(evidence)
    reading = {kind: each for kind, each in found.items() if kind in (READER, POOLED_READER)}
    writing = {kind: each for kind, each in found.items() if kind not in reading}
    limits = (("writers", writing, writers), ("readers", reading, readers))
    return [
        _finding(f"{who} without an answer", spans, limit * evidence.slowness)
        for who, spans, limit in limits
    ]


def _finding(name: str, spans: dict[str, Unserved], limit: float) -> Finding:
    total = max((each.total for each in spans.values()), default=math.inf)
    longest = max((each.longest for each in spans.values()), default=math.inf)
    shown = ", ".join(f"{kind} {each.total:.1f} s" for kind, each in sorted(spans.items()))
    value = f"{total:.1f} s, longest {longest:.1f} s"
    return Finding(name, total <= limit, value, f"{limit:g} s", shown)


def by_kind(evidence: Evidence) -> dict[str, Unserved]:
    """Returns for each kind of client how long it was without an answer."""
    by_client: dict[str, Unserved] = {}
    for client, length in gaps(evidence):
        if length >= COUNTED:
            it = by_client.get(client, Unserved())
            by_client[client] = Unserved(max(length, it.longest), it.total + length)
    found = {each.kind: Unserved() for each in evidence.seen.attempts}
    for client, it in by_client.items():
        kind = client.partition("/")[2]
        worst = found[kind]
        found[kind] = Unserved(max(it.longest, worst.longest), max(it.total, worst.total))
    return found


def gaps(evidence: Evidence) -> Iterator[tuple[str, float]]:
    """Yields client and length of each time between the ends of two answers that follow one
    another, from the event on. A gap for which the client is excused is none.
    """
    stretches = excused(evidence)
    ends: dict[str, float] = {}
    for each in sorted(evidence.seen.attempts, key=lambda attempt: attempt.end):
        if each.outcome != ACK:
            continue
        last, ends[each.client] = ends.get(each.client), each.end
        since, until = stretches.get(each.client, (math.inf, 0.0))
        if last is None or each.end < evidence.started or (last < until and each.end > since):
            continue
        yield each.client, each.end - last
