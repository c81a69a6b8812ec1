"""Whether the retries of clients keep the cores busy, and PostgreSQL away for longer. Pure.

`lab compare --slower-clients S` performs each trial twice: with the usual clients, and with clients
that wait S s after each attempt that failed. The hypothesis is confirmed if PostgreSQL is back
clearly earlier with them and the cores are less busy meanwhile. It is refuted if the cores are less
busy, or never were busy, and PostgreSQL is away as long.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from .figures import Summary
from .words import percent, ratio, seconds

COLUMNS = (
    "topology", "drill", "PostgreSQL away", "with the pause", "times", "CPU busy", "with the pause",
    "load per core", "hypothesis",
)  # fmt: skip
ALIKE, SHORTER = 1.2, 1.5
"""How many times longer PostgreSQL is away with the usual clients: up to ALIKE it is the same, from
SHORTER on the pause has helped."""
RELIEVED = 0.1
"""Share of the cores that the pause sets free at least if the retries were what kept them busy."""
BUSY = 0.8
"""Share of the cores below which they were not what PostgreSQL had to wait for."""
CONFIRMED, REFUTED, UNDECIDED = "confirmed", "refuted", "undecided"
MARK = ", retry after "


def label(drill: str, pause: float) -> str:
    """Returns the name of a drill whose clients pause so many s after a failed attempt."""
    return f"{drill}{MARK}{pause:g} s" if pause else drill


def verdict(usual: Summary, slower: Summary) -> str:
    """Returns whether the hypothesis holds, and if that cannot be told, why not."""
    if not slower.absence or math.isnan(usual.absence / slower.absence):
        return f"{UNDECIDED}: PostgreSQL was not away"
    if math.isnan(usual.machine.cpu) or math.isnan(slower.machine.cpu):
        return f"{UNDECIDED}: CPU not measured"
    times = usual.absence / slower.absence
    relieved = usual.machine.cpu - slower.machine.cpu >= RELIEVED
    if times >= SHORTER:
        return CONFIRMED if relieved else f"{UNDECIDED}: shorter, but the cores as busy"
    if times > ALIKE:
        return f"{UNDECIDED}: a little shorter"
    if relieved or usual.machine.cpu < BUSY:
        return REFUTED
    return f"{UNDECIDED}: the pause did not relieve the cores"


def rows(found: Mapping[str, Mapping[str, Summary]]) -> list[tuple[str, ...]]:
    """Returns a row for each drill that was performed both ways. found: by drill and topology."""
    told = []
    for name, slow in found.items():
        drill = name.partition(MARK)[0]
        if drill == name:
            continue
        for topology, slower in slow.items():
            usual = found.get(drill, {}).get(topology)
            if usual is not None:
                told.append(_row(topology, name, usual, slower))
    return told


def _row(topology: str, drill: str, usual: Summary, slower: Summary) -> tuple[str, ...]:
    times = usual.absence / slower.absence if slower.absence else math.nan
    return (
        topology,
        drill,
        seconds(usual.absence),
        seconds(slower.absence),
        ratio(times),
        percent(usual.machine.cpu),
        percent(slower.machine.cpu),
        ratio(usual.machine.load),
        verdict(usual, slower),
    )
