"""A cluster that is drilled is whole: before the event, and again after it, with what a DBA does
meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import LabError
from ..machine import Machine
from ..recovery import PafRecovery
from . import commands, segments
from .cluster import Snapshot
from .records import PRIMARY
from .stage import Stage


def begin(stage: Stage) -> Snapshot:
    """Returns once the cluster is whole. Raises LabError with what it lacks.

    What a drill that was killed, or a crash, has left in Pacemaker is taken away.
    """
    try:
        stage.await_healthy(within=stage.settings.patience_with_leftovers)
    except LabError as lacking:
        stage.say(f"take away what was left: {lacking}")
        for resource in (stage.settings.pgsql_clone, stage.settings.haproxy_clone):
            commands.clear(stage.anyone, resource)
        DrillRecovery(stage).await_whole(stage.settings.deadline)
        # None of that is this drill's doing.
        stage.cleared = 0
        stage.repairs.clear()
    # A failure that was mended counts again after the next demote: docs/traps/pacemaker.md, "A
    # repaired failure that was not cleaned up counts again".
    stage.wait(lambda: "" if DrillRecovery(stage).idle() else "Pacemaker has work to do")
    commands.cleanup(stage.anyone)
    found = stage.await_healthy()
    leader = found.status.promoted(stage.settings.pgsql_clone)
    filled = segments.use_up(stage.nodes, stage.nodes[leader], stage.settings) if leader else 0
    if filled:
        stage.say(f"{filled} segments of WAL filled: one had never been used (segments.py)")
    return found


class DrillRecovery(PafRecovery):
    """The recovery after a drill counts the help that the cluster needed. The drill itself has
    caused the failures that are cleared.

    primary: the node that should be primary, or None for any.
    """

    def __init__(self, stage: Stage, primary: str | None = None) -> None:
        lacking = lambda: stage.lacking(primary)  # noqa: E731
        super().__init__(lacking, stage.rest, stage.settings.slowness)
        self.nodes = list(stage.nodes.values())
        self._stage = stage

    def leader(self) -> str | None:
        try:
            status = commands.status(self._stage.anyone)
        except LabError:
            return None
        return status.promoted(self._stage.settings.pgsql_clone)

    def quorum(self) -> bool:
        try:
            return commands.status(self._stage.anyone).quorum
        except LabError:
            return False

    def idle(self) -> bool:
        try:
            node = self._stage.anyone
            return commands.idle(node, commands.status(node).dc)
        except LabError:
            return False

    def clear(self) -> None:
        commands.cleanup(self._stage.anyone)
        self._stage.cleared += 1

    def stuck(self, leads: str) -> Iterable[Machine]:
        try:
            now = self._stage.snapshot()
        except LabError:
            return []
        if self._stage.roles.get(leads) != PRIMARY:
            return []
        names = set(now.status.online) - {leads} - set(now.streaming)
        return [node for node in self.nodes if node.name in names]

    def take_out(self, node: Machine) -> None:
        self._stage.say("does not follow the primary: taken out of the cluster", node.name)
        super().take_out(node)

    def bring_back(self, node: Machine, leads: str | None, rebuild: bool = False) -> None:
        copied = self._stage.target.bring_back(node, leads, rebuild)
        if copied:
            self._stage.repair(f"instance copied from {copied}", node.name)
        self._stage.say("cluster started", node.name)
