"""The faults of a burst, drawn from a seed. Pure: the same seed gives the same faults."""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Iterator

from .schedule import KINDS, NODES, Entry, conflict

WINDOW = 25.0
"""s of a burst in which faults begin: long enough for a failover, short enough to overlap."""
LEAST, MOST = 3, 8
"""Faults of a burst."""
WEIGHTS = (2, 1, 1)
"""How often each of NODES is the one whose PostgreSQL may be away."""
DRAWS = 100
"""Faults that are drawn for a burst at most; those that exclude each other are dropped."""


def burst(seed: int, number: int, without: Collection[str] = ()) -> tuple[Entry, ...]:
    """Returns the faults of one burst, in the order of time. It does not depend on other bursts.

    without: names of faults that this machine cannot bring about.
    """
    source = random.Random(f"{seed}/{number}")  # noqa: S311 - no secret
    kinds = [kind for kind in KINDS if kind.name not in without]
    (weak,) = source.choices(NODES, WEIGHTS)
    wanted = source.randint(LEAST, MOST)
    found: list[Entry] = []
    for _ in range(DRAWS):
        if len(found) == wanted:
            break
        kind = source.choice(kinds)
        victim = weak if kind.away else source.choice(kind.victims)
        at, seconds = source.uniform(0, WINDOW), source.uniform(*kind.seconds)
        entry = Entry(number, round(at, 1), kind.name, victim, round(seconds, 1))
        if not conflict([*found, entry]):
            found.append(entry)
    return tuple(sorted(found))


def bursts(seed: int, without: Collection[str] = ()) -> Iterator[tuple[Entry, ...]]:
    """Yields burst after burst, without end."""
    return (burst(seed, number, without) for number in itertools.count(1))
