"""Round after round, until the time is over or the schedule is at its end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import LabError
from . import faults, table
from .history import Total
from .round import SCHEDULE, Round, perform
from .scene import Scene
from .schedule import KINDS, PRIMARY, Entry, Schedule
from .whole import SoakRecovery, tidy

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
    tidy(scene)
    table.make(scene.node(PRIMARY), scene.access)


def rounds(
    bursts: Iterable[tuple[Entry, ...]],
    seconds: float,
    scene: Scene,
    directory: Path,
    keep: bool,
    seed: int | None = None,
) -> Iterator[Round]:
    """Performs a round for each burst, and yields it; none begins when `seconds` have passed.
    Raises LabError if a round cannot begin, or if the cluster cannot be repaired after one.

    keep: whether the logs of rounds that passed stay in `directory`, as those of others do.
    """
    end = time.monotonic() + seconds
    totals: dict[int, Total] = {}
    done: list[Entry] = []
    for number, entries in enumerate(bursts, start=1):
        if time.monotonic() >= end:
            return
        place = directory / f"round-{number:04}"
        done += entries
        Schedule(tuple(done), seed).write(directory / SCHEDULE)
        scene.say(f"round {number}: {len(entries)} faults")
        each = perform(scene, number, Schedule(entries, seed), place, totals)
        totals = dict(each.totals)
        _tell(scene, each, place)
        if each.passed and not keep:
            shutil.rmtree(place)
        yield each
        if each.stuck:
            raise LabError(f"the cluster cannot be repaired: {each.stuck}")


def _tell(scene: Scene, each: Round, place: Path) -> None:
    whole = "not whole" if each.whole_after is None else f"whole after {each.whole_after:g} s"
    verdict = "passed" if each.passed else "FAILED"
    scene.say(f"round {each.number} {verdict}: {whole}, {each.without_writes:g} s without writes")
    for violation in each.violations:
        scene.say(f"{violation.kind}, {violation.count} times: {violation.first}")
    if not each.passed:
        scene.say(f"lab soak --shrink {place / SCHEDULE}")
