"""What a round or a whole soak comes to, in numbers. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from .history import ACK, STANDBY_READ, WRITE, Operation

Counts = dict[str, dict[str, int]]
"""Name -> what became of it -> how often."""


def counts(operations: Iterable[Operation]) -> Counts:
    """Returns how often each kind of operation had each outcome."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for each in operations:
        found[each.kind][each.outcome] += 1
    return {kind: dict(sorted(of.items())) for kind, of in sorted(found.items())}


def added(every: Iterable[Mapping[str, Mapping[str, int]]]) -> Counts:
    """Returns the sums of several counts."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for each in every:
        for name, of in each.items():
            found[name].update(of)
    return {name: dict(sorted(of.items())) for name, of in sorted(found.items())}


def stray_reads(operations: Iterable[Operation]) -> int:
    """Returns how many reads through stdby a primary has answered: true, but not meant so."""
    kinds = ((each.kind, each.outcome, each.recovery) for each in operations)
    return sum(kind == (STANDBY_READ, ACK, False) for kind in kinds)


def without_writes(operations: Iterable[Operation]) -> float:
    """Returns the longest time in s from one acknowledged write of any client to the next, or to
    the last operation.
    """
    found = list(operations)
    ends = sorted(each.end for each in found if (each.kind, each.outcome) == (WRITE, ACK))
    ends.append(max((each.end for each in found), default=0.0))
    return max((after - before for before, after in zip(ends, ends[1:])), default=0.0)
