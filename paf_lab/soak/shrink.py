"""Fewer faults with the same failure (delta debugging). Pure, but for the runs themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shrunk(Generic[Item]):
    """items: what is left. runs: how often it was tried. whole: whether each single item was found
    to be needed; False if the runs were used up before.
    """

    items: tuple[Item, ...]
    runs: int
    whole: bool


def shrink(
    items: Sequence[Item], fails: Callable[[tuple[Item, ...]], bool], most: int
) -> Shrunk[Item]:
    """Removes items while the failure remains: halves first, then smaller parts, at last single
    items. The last item always stays.

    fails: runs with these items, and returns whether the failure is there. most: runs.
    """
    kept, runs = tuple(items), 0
    size = max(1, len(kept) // 2)
    while True:
        start, removed = 0, False
        while start < len(kept):
            fewer = kept[:start] + kept[start + size :]
            if not fewer:
                break
            if runs == most:
                return Shrunk(kept, runs, False)
            runs += 1
            if fails(fewer):
                kept, removed = fewer, True
            else:
                start += size
        if size == 1 and not removed:
            return Shrunk(kept, runs, True)
        size = max(1, min(size // 2, len(kept) // 2))
