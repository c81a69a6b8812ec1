"""What must never happen to clients, whatever breaks. Pure: a history in, violations out.

It imports nothing but the form of the logs: an error of the agent or of the drills' audits cannot
be repeated here. Each rule yields one line for each violation.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from .history import (
    ACK,
    LIFE,
    READ,
    READ_ONLY,
    UNKNOWN,
    WRITE,
    History,
    Operation,
    Total,
)


@dataclass(frozen=True)
class Violation:
    """kind: a key of RULES, CHANGED, or what a round adds. count: how often. first: the first one,
    in a line.
    """

    kind: str
    count: int
    first: str


def lost(history: History) -> Iterator[str]:
    """A row that was acknowledged is not in the table, or with another value."""
    if history.rows is None:
        return
    rows = {(row.client, row.sequence): row.value for row in history.rows}
    for each in history.of(WRITE, ACK):
        there = rows.get((each.client, each.sequence))
        if there != each.value:
            yield f"{each}: {'no row' if there is None else f'value {there}, not {each.value}'}"


def twice(history: History) -> Iterator[str]:
    """A row is in the table more than once."""
    counts = Counter((row.client, row.sequence) for row in history.rows or ())
    for (client, sequence), count in counts.items():
        if count > 1:
            yield f"{client} #{sequence} is there {count} times"


def invented(history: History) -> Iterator[str]:
    """A row is in the table that was not written, or whose write was refused.

    A client that dies with its node does not log its last write: the sequence after its last one.
    """
    outcomes = {(each.client, each.sequence): each.outcome for each in history.of(WRITE)}
    last: dict[tuple[str, int], int] = {}
    for client, sequence in outcomes:
        life = client, sequence // LIFE
        last[life] = max(last.get(life, 0), sequence)
    for row in history.rows or ():
        life = row.client, row.sequence // LIFE
        under_way = last.get(life, row.sequence // LIFE * LIFE) + 1
        outcome = outcomes.get((row.client, row.sequence))
        if outcome is None and row.sequence != under_way:
            yield f"{row.client} #{row.sequence} was never written"
        elif outcome not in (None, ACK, UNKNOWN):
            yield f"{row.client} #{row.sequence} is there, and the answer was {outcome}"


def misrouted(history: History) -> Iterator[str]:
    """Prod leads to a standby: a write is refused as read-only, or a standby answers."""
    for each in history.of(WRITE, READ_ONLY):
        yield f"{each}: refused as read-only"
    for kind in (WRITE, READ):
        for each in history.of(kind, ACK):
            if each.recovery is not False:
                yield f"{each}: the {kind} was answered by an instance in recovery"


def two_writers(history: History) -> Iterator[str]:
    """A write is acknowledged on an old timeline after a write on a newer one was, or two servers
    acknowledge writes on one timeline.
    """
    timelines = _timelines(history)
    newer: Operation | None = None
    for number in sorted(timelines, reverse=True):
        writes = timelines[number]
        for each in writes:
            if newer is not None and each.start > newer.end:
                yield f"{each}: timeline {number}, after {newer} on timeline {newer.timeline}"
        servers = sorted({str(each.server) for each in writes})
        if len(servers) > 1:
            yield f"timeline {number} is written on {' and '.join(servers)}"
        first = min(writes, key=lambda each: each.end)
        newer = first if newer is None or first.end < newer.end else newer


def forked(history: History) -> Iterator[str]:
    """A write is acknowledged at a position that a newer timeline has written anew."""
    timelines = _timelines(history)
    newer: Operation | None = None
    for number in sorted(timelines, reverse=True):
        for each in timelines[number]:
            if newer is not None and each.lsn >= newer.lsn:
                yield f"{each}: position {each.lsn}, and {newer} on a newer one: {newer.lsn}"
        first = min(timelines[number], key=lambda each: each.lsn)
        newer = first if newer is None or first.lsn < newer.lsn else newer


def backwards(history: History) -> Iterator[str]:
    """A client reads less of a counter through prod than it has read before."""
    return (line for line, acknowledged in _decreases(history) if acknowledged)


def unreplicated(history: History) -> Iterator[str]:
    """The same, of rows that no client was told of. PostgreSQL shows a row that no standby has yet
    once it has recovered from a crash, or if the session that waited for the standby is ended.
    """
    return (line for line, acknowledged in _decreases(history) if not acknowledged)


def behind(history: History) -> Iterator[str]:
    """A read through prod does not see what was acknowledged before it began."""
    acks: dict[str, list[Operation]] = defaultdict(list)
    for each in sorted(history.of(WRITE, ACK), key=lambda each: each.end):
        acks[each.client].append(each)
    ends = {client: [each.end for each in found] for client, found in acks.items()}
    most = {
        client: list(accumulate((each.sequence for each in found), max))
        for client, found in acks.items()
    }
    for each in history.of(READ, ACK):
        place = bisect_left(ends.get(each.counter, []), each.start)
        if place and each.value < most[each.counter][place - 1]:
            seen = most[each.counter][place - 1]
            yield f"{each}: {each.counter} is at {each.value}, and {seen} was acknowledged"


RULES: Mapping[str, Callable[[History], Iterator[str]]] = {
    "lost": lost,
    "twice": twice,
    "invented": invented,
    "misrouted": misrouted,
    "two-writers": two_writers,
    "forked": forked,
    "backwards": backwards,
    "unreplicated": unreplicated,
    "behind": behind,
}

CHANGED = "changed"
"""The kind of violation that `kept` finds."""


def judge(history: History) -> tuple[Violation, ...]:
    """Returns what each rule finds; nothing if the history is legal."""
    found = {kind: list(rule(history)) for kind, rule in RULES.items()}
    return tuple(Violation(kind, len(lines), lines[0]) for kind, lines in found.items() if lines)


def kept(before: Mapping[int, Total], now: Mapping[int, Total]) -> tuple[Violation, ...]:
    """Returns a violation if the rows of earlier rounds are not those that were there before."""
    nothing = Total(0, 0)
    lines = [
        f"round {number}: {now.get(number, nothing).rows} rows, {total.rows} before"
        for number, total in sorted(before.items())
        if now.get(number, nothing) != total
    ]
    return (Violation(CHANGED, len(lines), lines[0]),) if lines else ()


def _timelines(history: History) -> dict[int, list[Operation]]:
    found: dict[int, list[Operation]] = defaultdict(list)
    for each in history.of(WRITE, ACK):
        found[each.timeline].append(each)
    return found


def _decreases(history: History) -> Iterator[tuple[str, bool]]:
    """Yields a line for each read that is less than one before it, and whether one of the rows that
    it lacks was acknowledged.
    """
    acknowledged: dict[str, list[int]] = defaultdict(list)
    for write in history.of(WRITE, ACK):
        acknowledged[write.client].append(write.sequence)
    greatest: dict[tuple[str, str], int] = {}
    for each in history.of(READ, ACK):
        key = each.client, each.counter
        before = greatest.get(key, 0)
        if each.value < before:
            told = any(each.value < number <= before for number in acknowledged[each.counter])
            yield f"{each}: {each.counter} is at {each.value}, it was at {before}", told
        greatest[key] = max(before, each.value)
