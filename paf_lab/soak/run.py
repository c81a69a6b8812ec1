"""Round after round, until the time is over or the schedule is at its end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import LabError
from . import faults, table
from .history import Total
from .round import SCHEDULE, Round, perform
from .scene import Scene
from .schedule import KINDS, Entry, Schedule
from .whole import SoakRecovery

WHOLE_WITHIN = 60.0
"""s before the first round, until the lab repairs what an earlier command may have left."""


def prepare(scene: Scene) -> None:
    """Makes the cluster whole, takes back what a soak that was killed has left, and makes the
    table. Raises LabError if it cannot.
    """
    for node in scene.nodes.values():
        node.plug_in()
    try:
        SoakRecovery(scene).await_whole(WHOLE_WITHIN)
    except LabError as error:
        scene.say(f"repaired by the lab: {error}")
        scene.target.repair()
    scene.assign()
    for kind in KINDS:
        for victim in kind.victims:
            faults.end(scene, Entry(0, 0.0, kind.name, victim, 0.0))
    if left := scene.not_undone():
        raise LabError(f"cannot be taken back: {left}: lab down, then lab up")
    scene.target.topology.forget()
    table.make(scene.node("primary"), scene.access)


@dataclass(frozen=True)
class Soak:
    """rounds: in their order. trouble: why it ended before its time, or ''."""

    rounds: tuple[Round, ...]
    trouble: str = ""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of violations of all rounds."""
        return frozenset().union(*(each.kinds for each in self.rounds))


def rounds(
    bursts: Iterable[tuple[Entry, ...]],
    seconds: float,
    scene: Scene,
    directory: Path,
    keep: bool,
    seed: int | None = None,
) -> Soak:
    """Performs a round for each burst; none begins when `seconds` have passed. A round that cannot
    begin, and one after which the cluster cannot be repaired, is the last.

    keep: whether the logs of rounds that passed stay in `directory`, as those of others do.
    """
    end = time.monotonic() + seconds
    found: list[Round] = []
    totals: dict[int, Total] = {}
    done: list[Entry] = []
    for number, entries in enumerate(bursts, start=1):
        if time.monotonic() >= end:
            break
        place = directory / f"round-{number:04}"
        done += entries
        Schedule(tuple(done), seed).write(directory / SCHEDULE)
        scene.say(f"round {number}: {len(entries)} faults")
        try:
            each = perform(scene, number, Schedule(entries, seed), place, totals)
        except LabError as error:
            return Soak(tuple(found), f"round {number} cannot begin: {error}")
        totals = dict(each.totals)
        found.append(each)
        _tell(scene, each, place)
        if each.passed and not keep:
            shutil.rmtree(place)
        if each.stuck:
            return Soak(tuple(found), f"not repaired after round {number}: {each.stuck}")
    return Soak(tuple(found))


def _tell(scene: Scene, each: Round, place: Path) -> None:
    whole = "not whole" if each.whole_after is None else f"whole after {each.whole_after:g} s"
    verdict = "passed" if each.passed else "FAILED"
    scene.say(f"round {each.number} {verdict}: {whole}, {each.without_writes:g} s without writes")
    for violation in each.violations:
        scene.say(f"{violation.kind}, {violation.count} times: {violation.first}")
    if not each.passed:
        scene.say(f"lab soak --shrink {place / SCHEDULE}")
