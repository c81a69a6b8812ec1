"""The lab's cluster during a soak: its nodes, their roles, and what is still to be undone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..drill import commands
from ..drill.target import LabTarget
from ..errors import LabError
from ..machine import Machine
from .attendance import Attendance
from .schedule import CLUSTER, PRIMARY, STANDBYS

LOOK_EVERY = 1.0
"""s between two looks at the clients and at what is to be undone."""


@dataclass(frozen=True)
class Undo:
    """Something that takes a fault back, and may be repeated. what: in words."""

    what: str
    work: Callable[[], object]


class Scene:
    """roles: the victims of the schedule -> nodes, as of the burst's begin. away: nodes that were
    switched off or cut off in this burst. rebuilt: nodes whose instance was made anew. say: is told
    what happens.
    """

    def __init__(self, target: LabTarget, say: Callable[[str], object]) -> None:
        self.target = target
        self.access = target.settings
        self.nodes = {node.name: node for node in target.nodes}
        self.say = say
        self.roles: dict[str, str] = {}
        self.away: set[str] = set()
        self.rebuilt: list[str] = []
        self.attendance: Attendance | None = None
        self._undos: list[Undo] = []
        self._lock = threading.Lock()

    @property
    def anyone(self) -> Machine:
        """A node that runs, and was not switched off or cut off if another was not."""
        running = [node for node in self.nodes.values() if node.running]
        if not running:
            raise LabError("no node runs: lab up")
        return next((node for node in running if node.name not in self.away), running[0])

    def leader(self) -> str | None:
        """Returns the node that Pacemaker has promoted; None also if nothing can be asked."""
        try:
            return commands.status(self.anyone).promoted(self.access.pgsql_clone)
        except LabError:
            return None

    def assign(self) -> None:
        """Gives the roles of the schedule to the nodes as they are now. Raises LabError if no node
        is promoted.
        """
        leads = self.leader()
        if leads is None:
            raise LabError("Pacemaker has promoted no PostgreSQL: lab status")
        others = sorted(set(self.nodes) - {leads})
        self.roles = {PRIMARY: leads, **dict(zip(STANDBYS, others))}
        self.away.clear()

    def node(self, victim: str) -> Machine:
        """Returns the node that is meant by a victim; for CLUSTER any that can ask Pacemaker."""
        return self.anyone if victim == CLUSTER else self.nodes[self.roles[victim]]

    def undo(self, what: str, work: Callable[[], object]) -> None:
        """Takes a fault back now, or once its node is there again."""
        try:
            work()
        except LabError:
            with self._lock:
                self._undos.append(Undo(what, work))

    def not_undone(self) -> str:
        """Returns in words what is still to be undone; '' if nothing is."""
        with self._lock:
            return ", ".join(undo.what for undo in self._undos)

    def _undo_rest(self) -> None:
        with self._lock:
            due, self._undos = self._undos, []
        for undo in due:
            self.undo(undo.what, undo.work)

    def rest(self, seconds: float) -> None:
        """Lets time pass. Clients and undos that have waited for their node are seen to."""
        end = time.monotonic() + seconds
        while True:
            if self.attendance is not None:
                self.attendance.tend()
            self._undo_rest()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(LOOK_EVERY, left))
