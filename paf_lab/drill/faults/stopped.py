"""Corosync, or one of Pacemaker's daemons, hangs on the primary's node."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from ...machine import Machine
from .. import commands, witness
from ..audits import Evidence, Finding
from ..stage import Stage
from .daemons import KillOfPacemaker

STOPPED_FOR = 20.0
"""s: longer than pacemakerd takes to find a daemon that does not answer."""
LOOK_EVERY = 1.0  # s
FENCED_WITHIN = 60.0  # s
SETTLED = 5.0  # s


class StopDaemon(KillOfPacemaker):
    """SIGSTOP, and SIGCONT after 20 s if it is still there. pacemakerd asks its daemons whether
    they answer, kills one that does not, and starts it again: then the costs are those of a
    kill. PostgreSQL and HAProxy go on meanwhile; Pacemaker may fence the node.
    """

    failed = 3  # Pacemaker may recover PostgreSQL, of which no notification tells: kill-postgres

    def __init__(self) -> None:
        self._pid = ""
        self._looks = 0

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[stage.primary]
        self._pid = node.run("pidof", "-s", self.program).stdout.strip()
        stage.say(f"SIGSTOP to {self._pid}, {self.program}", node.name)
        node.run("kill", "-STOP", self._pid)

    def follow(self, stage: Stage) -> None:
        self.watch(stage, STOPPED_FOR)
        self._go_on(stage)
        super().follow(stage)

    def watch(self, stage: Stage, seconds: float) -> None:
        """Returns once the process does not stand still any more, or after so many s."""
        while self._looks * LOOK_EVERY < seconds and self._stands(stage.nodes[stage.primary]):
            self._looks += 1
            stage.rest(LOOK_EVERY)

    def _stands(self, node: Machine) -> bool:
        if not self._pid:
            return False
        words = ("ps", "-o", "stat=", "-o", "comm=", "-p", self._pid)
        try:
            state, _, command = node.run(*words, check=False).stdout.strip().partition(" ")
        except LabError:
            return False  # the node is down
        return "T" in state and command.strip() == self.program[:15]

    def _go_on(self, stage: Stage) -> None:
        """Lets the process go on if it still stands: its number may be another's by now."""
        node = stage.nodes[stage.primary]
        if self._stands(node):
            stage.say(f"SIGCONT to {self._pid}, {self.program}", node.name)
            try:
                node.run("kill", "-CONT", self._pid, check=False)
            except LabError:
                pass  # the node went down

    def undo(self, stage: Stage) -> None:
        self._go_on(stage)

    def fault(self, evidence: Evidence) -> Finding:
        stood = self._looks > 1
        return witness.witness(
            stood, f"{self.program} stood still in {self._looks} looks, one a second"
        )


class StopCorosync(StopDaemon):
    """The others lose the token, as if the node was off, while its PostgreSQL and HAProxy serve
    their own clients until it is fenced.
    """

    name = "stop-corosync"
    summary = "SIGSTOP of Corosync on the primary's node: the node is fenced"
    program = "corosync"

    def breaks(self, stage: Stage) -> Collection[str]:
        return (stage.primary,)

    def follow(self, stage: Stage) -> None:
        here = stage.primary
        self.watch(stage, SETTLED)
        stage.wait(lambda: "" if here in stage.died else f"{here} was not fenced", FENCED_WITHIN)


def _of_pacemaker(daemon: str) -> type[StopDaemon]:
    short = daemon.removeprefix("pacemaker-")
    attributes = {
        "name": f"stop-{short}",
        "summary": f"SIGSTOP of {daemon} on the primary's node for 20 s",
        "program": daemon,
    }
    return type(f"Stop{short.title()}", (StopDaemon,), attributes)


STOPPED: tuple[type[StopDaemon], ...] = (
    StopCorosync,
    *(_of_pacemaker(daemon) for daemon in commands.DAEMONS),
)
