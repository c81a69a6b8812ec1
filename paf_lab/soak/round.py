"""One round: clients at work, a burst of faults, the cluster whole again, the oracle's verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import LabError
from . import burst, figures, history, oracle, table, whole
from .attendance import Attendance
from .burst import Outcome
from .figures import Counts
from .history import History, Row, Total
from .oracle import Violation
from .scene import Scene
from .schedule import Schedule

WARM_UP, COOL_DOWN = 3.0, 2.0
"""s of undisturbed work before the burst, and after the cluster is whole again."""
SERVED_WITHIN = 60.0
"""s until each client has an answer, before the burst and once the cluster is whole again."""
NOT_WHOLE, UNSERVED, UNREAD = "not-whole", "unserved", "unread"
"""Kinds of violations that the round itself adds to those of the oracle."""
SCHEDULE = "schedule.json"


@dataclass(frozen=True, kw_only=True)
class Round:
    """without_writes, whole_after: s; the latter None if the cluster did not become whole. rebuilt:
    former primaries whose instance was made anew. totals: of all rounds so far. stuck: why no other
    round can begin.
    """

    number: int
    outcomes: tuple[Outcome, ...]
    violations: tuple[Violation, ...]
    operations: Counts
    stray_reads: int
    without_writes: float
    whole_after: float | None
    rebuilt: tuple[str, ...]
    totals: Mapping[int, Total]
    stuck: str = ""

    @property
    def passed(self) -> bool:
        return not self.violations

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(violation.kind for violation in self.violations)


def perform(
    scene: Scene,
    number: int,
    schedule: Schedule,
    directory: Path,
    before: Mapping[int, Total],
) -> Round:
    """Performs one round. Raises LabError if it cannot begin.

    schedule: of one burst. directory: where it and the logs are kept. before: the totals of earlier
    rounds.
    """
    scene.assign()
    schedule.write(directory / SCHEDULE)
    attendance = Attendance(list(scene.nodes.values()), scene.access, number, directory)
    rebuilt = len(scene.rebuilt)
    scene.attendance = attendance
    try:
        with attendance.at_work():
            if idle := _unserved(scene, attendance):
                raise LabError(f"no answer within {SERVED_WITHIN:g} s: {idle}: lab status")
            scene.rest(WARM_UP)
            outcomes = burst.run(schedule.entries, scene)
            found, after = _recovered(scene, attendance)
            scene.rest(COOL_DOWN)
    finally:
        scene.attendance = None
    stuck = _settled(scene, found)
    operations = attendance.operations()
    rows, totals = _table(scene, number, before, found)
    history.keep(rows or (), directory)
    found += oracle.judge(History(operations, rows))
    return Round(
        number=number,
        outcomes=outcomes,
        violations=tuple(found),
        operations=figures.counts(operations),
        stray_reads=figures.stray_reads(operations),
        without_writes=round(figures.without_writes(operations), 2),
        whole_after=after,
        rebuilt=tuple(scene.rebuilt[rebuilt:]),
        totals=totals,
        stuck=stuck,
    )


def _recovered(scene: Scene, attendance: Attendance) -> tuple[list[Violation], float | None]:
    """Waits until the cluster is whole and serves each client. Returns what it failed in, and after
    how many s it was whole.
    """
    addresses = {node.address: name for name, node in scene.nodes.items()}
    primaries = whole.former(scene.roles, attendance.operations(), addresses)
    start = time.monotonic()
    try:
        whole.SoakRecovery(scene, primaries).await_whole(whole.WITHIN)
    except LabError as error:
        return [Violation(NOT_WHOLE, 1, str(error))], None
    after = round(time.monotonic() - start, 1)
    idle = _unserved(scene, attendance)
    return ([Violation(UNSERVED, 1, f"no answer: {idle}")] if idle else []), after


def _unserved(scene: Scene, attendance: Attendance) -> str:
    """Returns which clients have no answer to anything that they began from now on, in time."""
    since = time.monotonic()
    while idle := attendance.unserved(since):
        if time.monotonic() > since + SERVED_WITHIN:
            return idle
        scene.rest(1)
    return ""


def _settled(scene: Scene, found: list[Violation]) -> str:
    """Forgets the failures that are on record, as an administrator does after an incident; repairs
    the cluster first if it is not whole. Returns why it cannot be repaired, or ''.
    """
    try:
        if any(each.kind == NOT_WHOLE for each in found):
            scene.say("repaired by the lab")
            scene.target.repair()
        whole.tidy(scene)
    except LabError as error:
        if not any(each.kind == NOT_WHOLE for each in found):
            found.append(Violation(NOT_WHOLE, 1, str(error)))
        return str(error)
    return ""


def _table(
    scene: Scene, number: int, before: Mapping[int, Total], found: list[Violation]
) -> tuple[tuple[Row, ...] | None, Mapping[int, Total]]:
    """Returns the rows of the round, or None, and the totals now, or those of before if the table
    cannot be read.
    """
    try:
        leads = scene.nodes[scene.leader() or ""]
        rows = table.rows(leads, scene.access, number)
        totals = table.totals(leads, scene.access)
    except (KeyError, LabError) as error:
        why = str(error) if isinstance(error, LabError) else "no node is promoted"
        found.append(Violation(UNREAD, 1, why))
        return None, before
    found += oracle.kept(before, totals)
    return rows, totals
