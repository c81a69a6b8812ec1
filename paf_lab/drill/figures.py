"""Figures of one run, computed from records. Pure; all spans in s.

The terms are explained in paf_lab/drill/__init__.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..access import CONNECTING, KINDS
from . import records
from .records import ACK, UP, Attempt, Records

HELD = 0.25
"""s, from which on an acknowledged attempt counts as held."""
MARGIN_OF_ACKS = 0.6
"""s between two acks that are one span of a strip."""


@dataclass(frozen=True)
class Change:
    """The primary went from one node to another."""

    old: str
    new: str
    last_commit: float
    """The last commit on the old primary."""
    out_of_recovery: float
    """The first moment at which the new primary said that it is one."""

    @property
    def absence(self) -> float:
        return self.out_of_recovery - self.last_commit


@dataclass(frozen=True)
class Span:
    """A piece of a client's strip, in s of the epoch; outcome: that of an attempt, or 'held'."""

    since: float
    until: float
    outcome: str
    text: str


@dataclass(frozen=True)
class Outage:
    """What a client saw of a change of primary."""

    last: float
    """End of its last write acknowledged by the old primary."""
    first: float
    """End of its first one acknowledged by the new; infinity if there was none."""

    @property
    def length(self) -> float:
        return self.first - self.last


def change(
    seen: Records,
    old: str,
    new: str,
    addresses: Mapping[str, str],
    started: float,
    commits: Iterable[float] = (),
) -> Change | None:
    """Returns the change of primary after `started`, or None if there was none to be seen.

    commits: the moments at which rows were committed, as PostgreSQL noted them. Without them the
    last commit is taken to be the end of the last write that the old primary acknowledged.
    """
    moments = [
        role.at
        for role in seen.roles
        if role.node == new and role.role == records.PRIMARY and role.at >= started
    ]
    if not moments or old == new:
        return None
    acks = acknowledged(seen.attempts)
    # Whoever acknowledges a write is out of recovery, even if the watcher came too late to see it.
    moments += [each.end for each in acks if each.server == addresses[new] and each.end >= started]
    out_of_recovery = min(moments)
    found = list(commits) or [each.end for each in acks if each.server == addresses[old]]
    found = [moment for moment in found if moment < out_of_recovery]
    return Change(old, new, max(found), out_of_recovery) if found else None


def acknowledged(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Returns the acknowledged writes."""
    return [each for each in attempts if each.writes and each.outcome == ACK]


def overtaken(acks: Sequence[Attempt]) -> list[Attempt]:
    """Returns the writes that a timeline acknowledged after its successor had acknowledged one."""
    firsts: dict[str, float] = {}
    for each in acks:
        line = each.timeline or ""
        firsts[line] = min(each.end, firsts.get(line, each.end))
    return [
        each
        for each in acks
        if any(line > (each.timeline or "") and first < each.end for line, first in firsts.items())
    ]


def by_client(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    """Returns each client's attempts in their order."""
    found: dict[str, list[Attempt]] = {}
    for each in attempts:
        found.setdefault(each.client, []).append(each)
    return found


def outages(
    seen: Records, what: Change, addresses: Mapping[str, str], kind: str = CONNECTING
) -> dict[str, Outage]:
    """Returns the write outage of each client of a kind."""
    found: dict[str, Outage] = {}
    for client, attempts in by_client(each for each in seen.attempts if each.kind == kind).items():
        acks = acknowledged(attempts)
        last = [each.end for each in acks if each.server == addresses[what.old]]
        last = [end for end in last if end <= what.out_of_recovery]
        first = [each.end for each in acks if each.server == addresses[what.new]]
        first = [end for end in first if end >= what.out_of_recovery]
        found[client] = Outage(max(last, default=-math.inf), min(first, default=math.inf))
    return found


def route_delays(seen: Records, what: Change, nodes: Iterable[str]) -> dict[str, float]:
    """Returns each node's route delay; infinity if its HAProxy never had the new primary up."""
    found = {}
    for node in nodes:
        ups = [
            each.at
            for each in seen.servers
            if each.node == node
            and each.at >= what.last_commit
            and (each.states or {}).get(f"prod/{what.new}") == UP
        ]
        found[node] = min(ups) - what.out_of_recovery if ups else math.inf
    return found


def stalls(seen: Records, since: float = 0.0) -> dict[str, float]:
    """Returns each client's longest time between the ends of two consecutive acks."""
    found = {}
    for client, attempts in by_client(seen.attempts).items():
        ends = sorted(each.end for each in attempts if each.outcome == ACK)
        ends = [end for end in ends if end >= since]
        found[client] = max((b - a for a, b in zip(ends, ends[1:])), default=math.inf)
    return found


def outcomes(attempts: Iterable[Attempt]) -> dict[str, dict[str, int]]:
    """Returns how often each outcome came, by kind of client."""
    found: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for each in attempts:
        found.setdefault(each.kind, Counter())[each.outcome] += 1
        if each.outcome == ACK and each.end - each.start >= HELD:
            found[each.kind]["held"] += 1
    return {kind: dict(counts) for kind, counts in found.items()}


def outcomes_by_client(attempts: Iterable[Attempt]) -> dict[str, dict[str, int]]:
    """Returns how often each outcome came, by client: "srv1/connecting"."""
    return {
        client: dict(Counter(each.outcome for each in found))
        for client, found in sorted(by_client(attempts).items())
    }


def strip(attempts: Iterable[Attempt]) -> Iterator[Span]:
    """Yields what one client saw: acks that follow one another closely are one span, and everything
    else is one each.
    """
    acks: list[Attempt] = []

    def flush() -> Iterator[Span]:
        if acks:
            yield Span(acks[0].start, acks[-1].end, ACK, f"{len(acks)} acknowledged")
            acks.clear()

    for each in attempts:
        held = each.outcome == ACK and each.end - each.start >= HELD
        if each.outcome == ACK and not held:
            if acks and each.start - acks[-1].end > MARGIN_OF_ACKS:
                yield from flush()
            acks.append(each)
            continue
        yield from flush()
        name = "held" if held else each.outcome
        text = f"#{each.sequence} {name} for {each.end - each.start:.2f} s {each.error or ''}"
        yield Span(each.start, each.end, name, text.strip())
    yield from flush()


def cpu_share(seen: Records) -> float:
    """Returns the CPU that all clients took together, as a share of one core."""
    return sum(each.cpu / each.elapsed for each in seen.usage if each.elapsed)


def median(values: Sequence[float]) -> float:
    """Returns the median; NaN of nothing."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the nearest-rank percentile, e.g. share=0.95; NaN of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan
