"""Which faults begin when, where, and for how long; read from a file and written to it. Pure, but
for these two.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import LabError

PRIMARY = "primary"
STANDBYS = ("standby-1", "standby-2")
NODES = (PRIMARY, *STANDBYS)
"""Victims by the role that they have when the burst begins; standbys in the order of their names.
So a schedule can be replayed whichever node is the primary."""
CLUSTER = "cluster"
"""The victim of what is done to the whole cluster."""
APART = 3.0
"""s from the end of a fault to the next of the same kind on the same node."""
ONCE = 1e9
"""s; in `Kind.apart`: at most one in a burst."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault, without the code that brings it about (faults.py).

    away: whether PostgreSQL or its node is away for some time. Only one node of a burst may be: two
    could take the only copies of a row with them. slot: two kinds with one slot undo each other, so
    they do not overlap on a node; wide: nor on two nodes. seconds: least and most, until it is
    undone; 0 if nothing is to be undone.
    """

    name: str
    summary: str
    victims: tuple[str, ...] = NODES
    seconds: tuple[float, float] = (0.0, 0.0)
    away: bool = False
    slot: str = ""
    wide: bool = False
    apart: float = APART


KINDS = (
    Kind("kill-haproxy", "kill -9 of HAProxy's worker", slot="haproxy"),
    Kind("kill-haproxy-master", "kill -9 of HAProxy's master process", slot="haproxy"),
    Kind("stop-haproxy", "SIGSTOP of HAProxy's worker, later SIGCONT", NODES, (2, 12),
         slot="haproxy"),
    Kind("kill-postgres", "kill -9 of the postmaster", away=True, slot="postgres", apart=8.0),
    Kind("power-off", "power-off of the node", away=True, slot="node", apart=ONCE),
    Kind("cut", "the node's network cable pulled", NODES, (3, 20), away=True, slot="node",
         apart=ONCE),
    Kind("packet-loss", "a tenth of the packets to the node lost", NODES, (5, 20), away=True,
         slot="loss"),
    Kind("port-cut", "PostgreSQL's port of the primary out of the standby's reach", STANDBYS,
         (5, 20), slot="port"),
    Kind("switchover", "planned switchover to the node", STANDBYS, (20, 30), slot="move",
         wide=True),
    Kind("lost-notify", "the node's notifications are lost", NODES, (10, 30), slot="agent"),
    Kind("hanging-notify", "the node's notifications hang", NODES, (10, 30), slot="agent"),
    Kind("role-file", "the node's role file is damaged", slot="role"),
    Kind("reload", "a parameter of HAProxy's resource is changed, and changed back", (CLUSTER,),
         (5, 20), slot="parameters"),
    Kind("maintenance", "maintenance mode of the cluster", (CLUSTER,), (4, 15),
         slot="maintenance"),
    Kind("cleanup", "crm_resource --cleanup of HAProxy's resource", (CLUSTER,), slot="cleanup"),
)  # fmt: skip
BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True, order=True)
class Entry:
    """burst: its number. at: s from the burst's begin. seconds: until it is undone."""

    burst: int
    at: float
    fault: str
    victim: str
    seconds: float

    @property
    def kind(self) -> Kind:
        return BY_NAME[self.fault]

    def __str__(self) -> str:
        lasts = f" for {self.seconds:g} s" if self.seconds else ""
        return f"{self.fault} of {self.victim} at {self.at:g} s{lasts}"


@dataclass(frozen=True)
class Schedule:
    """seed: what the entries were drawn from; None if they were written by hand."""

    entries: tuple[Entry, ...]
    seed: int | None = None

    def bursts(self) -> list[tuple[Entry, ...]]:
        """Returns the entries of each burst, in the order of their numbers."""
        numbers = sorted({entry.burst for entry in self.entries})
        return [tuple(e for e in self.entries if e.burst == number) for number in numbers]

    def as_json(self) -> dict[str, Any]:
        return {"seed": self.seed, "entries": [asdict(entry) for entry in self.entries]}

    def write(self, file: Path, **more: object) -> None:
        """Writes the schedule, with `more` beside it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**more, **self.as_json()}, indent=1) + "\n")


def conflict(entries: Sequence[Entry]) -> str:
    """Returns in a line which two faults of a burst exclude each other; '' if none do."""
    for number, second in enumerate(entries):
        for first in entries[:number]:
            if why := _exclude(first, second):
                return f"{first} and {second}: {why}"
    return ""


def _exclude(one: Entry, other: Entry) -> str:
    if one.kind.away and other.kind.away and one.victim != other.victim:
        return "two nodes of a burst cannot both be away"
    if one.kind.slot != other.kind.slot or not (one.kind.wide or one.victim == other.victim):
        return ""
    first, second = sorted((one, other), key=lambda entry: entry.at)
    if second.at >= first.at + first.seconds + first.kind.apart:
        return ""
    return f"they are less than {first.kind.apart:g} s apart"


def read(file: Path) -> Schedule:
    """Reads a schedule. Raises LabError if it is none, or if faults in it exclude each other."""
    try:
        found = json.loads(file.read_text())
        entries = tuple(sorted(Entry(**each) for each in found["entries"]))
        schedule = Schedule(entries, found.get("seed"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LabError(f"{file} is no schedule ({error}): lab soak --keep DIR writes one") from None
    if why := next(_wrong(schedule), ""):
        raise LabError(f"{file}: {why}")
    return schedule


def _wrong(schedule: Schedule) -> Iterator[str]:
    if not schedule.entries:
        yield "the schedule has no fault"
    for entry in schedule.entries:
        if entry.fault not in BY_NAME:
            yield f"no fault {entry.fault}: there are {', '.join(BY_NAME)}"
            return
        if entry.victim not in entry.kind.victims:
            yield f"{entry}: the victim must be one of {', '.join(entry.kind.victims)}"
        if entry.at < 0 or entry.seconds < 0:
            yield f"{entry}: times must not be negative"
    yield from filter(None, map(conflict, schedule.bursts()))
