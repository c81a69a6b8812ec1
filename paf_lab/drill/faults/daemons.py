"""Corosync, or one of Pacemaker's daemons, is killed on the primary's node."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from ...machine import Machine
from .. import commands, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage

GONE_WITHIN = 5.0  # s
RESPAWNED_WITHIN = 15.0  # s


class KillDaemon(Drill):
    """Pacemaker may fence the node and move the primary, as it sees fit; clients may not suffer
    more than from that.
    """

    program = ""
    moves = None
    fencings = 1
    failed = 1
    repairs = 1
    gap = 25.0
    deadline = 180.0

    def breaks(self, stage: Stage) -> Collection[str]:
        return (stage.primary,)

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[stage.primary]
        pid = node.run("pidof", "-s", self.program).stdout.strip()
        stage.say(f"kill -9 {pid}, {self.program}", node.name)
        node.run("kill", "-9", pid)
        # Corosync has all its memory locked: it takes its time to go.
        stage.wait(lambda: self._there(node, pid), within=GONE_WITHIN)

    def fault(self, evidence: Evidence) -> Finding:
        return witness.replaced(evidence, self.program, evidence.primary)

    def _there(self, node: Machine, pid: str) -> str:
        if not node.running or node.run("sh", "-c", f"kill -0 {pid}", check=False).returncode:
            return ""
        return f"{self.program} still runs on {node.name}"


class KillOfPacemaker(KillDaemon):
    """pacemakerd starts what has died. Where it does not, and the node was not fenced either, a
    person has to do that: docs/traps/pacemaker.md, "Pacemaker may continue without its
    attribute manager", tells how it is seen.
    """

    def follow(self, stage: Stage) -> None:
        stage.rest(5)  # until Pacemaker has noticed
        name = stage.primary
        try:
            stage.wait(lambda: self._missing(stage), within=RESPAWNED_WITHIN, every=1)
        except LabError:
            stage.repair(f"{self._missing(stage)}: fenced, as a person would", name)
            stage.anyone.run("pcs", "stonith", "fence", name, timeout=120)
            stage.wait(lambda: "" if name in stage.died else f"{name} still runs", within=60)

    @staticmethod
    def _missing(stage: Stage) -> str:
        missing = commands.missing_daemons(stage.nodes[stage.primary])
        return f"{' and '.join(missing)} not started again" if missing else ""


class KillCorosync(KillDaemon):
    name = "kill-corosync"
    summary = "kill -9 of Corosync on the primary's node"
    program = "corosync"

    def follow(self, stage: Stage) -> None:
        """The others take it for alive until the token is lost, and all looks well until then."""
        node = stage.primary
        stage.wait(lambda: "" if node in stage.died else f"{node} has not been fenced", within=60)


def _of_pacemaker(daemon: str) -> type[KillDaemon]:
    short = daemon.removeprefix("pacemaker-")
    attributes = {
        "name": f"kill-{short}",
        "summary": f"kill -9 of {daemon} on the primary's node",
        "program": daemon,
    }
    return type(f"Kill{short.title()}", (KillOfPacemaker,), attributes)


PACEMAKER = tuple(_of_pacemaker(daemon) for daemon in commands.DAEMONS)
