"""PostgreSQL's postmaster is killed, or hangs."""

from __future__ import annotations

from ...errors import LabError
from ...node import Node
from .. import commands, service
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage

PGDATA = "/var/lib/postgresql/15/main"
BEYOND_MONITOR = 5.0
"""s beyond the monitor's interval in which PAF must have recovered it."""


def signal(node: Node, name: str) -> int:
    """Sends the node's postmaster a signal and returns its pid."""
    pid = node.run("head", "-1", f"{PGDATA}/postmaster.pid").stdout.strip()
    if not pid.isdecimal():
        raise LabError(f"{node.name} has no postmaster: {pid!r}")
    node.run("kill", f"-{name}", pid)
    return int(pid)


class KillPostgres(Drill):
    name = "kill-postgres"
    summary = "kill -9 of the primary's postmaster: recovered where it was"
    moves: bool | None = None
    failed = 3  # those that the postmaster had accepted, until HAProxy has seen that it is gone

    def __init__(self) -> None:
        self._interval = 0.0

    def victim(self, stage: Stage) -> str:
        return stage.primary

    def inject(self, stage: Stage) -> None:
        node, resource = stage.nodes[self.victim(stage)], stage.settings.pgsql
        self._interval = commands.monitor_interval(node, resource, "Promoted") or 0
        stage.say(f"kill -9 {signal(node, 'KILL')}, the postmaster", node.name)

    def follow(self, stage: Stage) -> None:
        name = self.victim(stage)
        stage.wait(lambda: "" if stage.roles[name] == "down" else "PostgreSQL still answers", 5)

    def judge(self, evidence: Evidence) -> list[Finding]:
        within = self._interval + BEYOND_MONITOR
        return [*super().judge(evidence), service.served_within(evidence, within)]


class KillPostgresStandby(KillPostgres):
    name = "kill-postgres-standby"
    summary = "kill -9 of a standby's postmaster: writers see nothing"
    moves = False

    def victim(self, stage: Stage) -> str:
        return next(name for name in sorted(stage.names) if name != stage.primary)

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [*super().judge(evidence), service.writers_undisturbed(evidence)]


class StopPostgres(Drill):
    """It takes connections and never answers. PAF's monitor and stop time out, and the node is
    fenced: longer than a new connection waits.
    """

    name = "stop-postgres"
    summary = "SIGSTOP of the primary's postmaster: nothing misrouted, nothing lost"
    moves = None
    fencings = 1
    failed = None
    deadline = 300.0

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[stage.primary]
        stage.say(f"SIGSTOP to {signal(node, 'STOP')}, the postmaster", node.name)

    def follow(self, stage: Stage) -> None:
        status = stage.nodes[stage.primary].run("sh", "-c", STATE, check=False).stdout
        if "T" not in status:
            raise LabError(f"the postmaster is not stopped but {status.strip()}")


STATE = f"ps -o stat= -p $(head -1 {PGDATA}/postmaster.pid)"
