"""`lab soak --shrink`: the schedule of a failure with as few faults as it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import LabError
from .schedule import Entry, Schedule
from .shrink import Shrunk, shrink

FIRST_TRIES = 3
"""Times that the whole schedule is replayed, until it fails."""

Replay = Callable[[Schedule], frozenset[str]]
"""Plays a schedule and returns the kinds of violations, or raises LabError."""


@dataclass(frozen=True)
class Minimum:
    """kinds: the violations that the schedule was shrunk for. runs: replays, with those that
    showed the failure. whole: whether each fault was found to be needed.
    """

    schedule: Schedule
    kinds: frozenset[str]
    runs: int
    whole: bool


def minimize(
    schedule: Schedule, replay: Replay, most: int, say: Callable[[str], object]
) -> Minimum:
    """Removes faults while one of the first replay's kinds of violations remains.

    most: replays altogether. Raises LabError if the schedule does not fail.
    """
    kinds: frozenset[str] = frozenset()
    runs = 0
    while not kinds:
        if runs == min(FIRST_TRIES, most):
            raise LabError(f"the schedule passed {runs} times: there is nothing to shrink")
        runs += 1
        kinds = replay(schedule)
    say(f"fails with {', '.join(sorted(kinds))}: {len(schedule.entries)} faults")

    def fails(entries: Sequence[Entry]) -> bool:
        there = bool(replay(Schedule(tuple(entries), schedule.seed)) & kinds)
        say(f"{len(entries)} faults: {'fails' if there else 'passes'}")
        return there

    found: Shrunk[Entry] = shrink(schedule.entries, fails, most - runs)
    return Minimum(Schedule(found.items, schedule.seed), kinds, runs + found.runs, found.whole)
