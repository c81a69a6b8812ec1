"""PostgreSQL's postmaster is killed, or hangs, or has no room left to write."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from ...machine import Machine
from .. import commands, crash, facts, service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage

REPORTED_WITHIN = 1.5
"""s in which the agent must have told Pacemaker: three times what it usually takes."""
BEYOND_RECOVERY = 1.2
"""Times PAF's recovery that a client may wait. PAF runs ten actions for it, one after another, and
how long they take depends on the machine: `gap` is only a deadline.
"""


STOPPED = "the postmaster stopped by SIGSTOP"
FULL = "no room for WAL"


def signal(stage: Stage, node: Machine, name: str) -> int:
    """Sends the node's postmaster a signal and returns its pid."""
    return commands.signal_postmaster(node, stage.settings, name)


class KillPostgres(Drill):
    """The agent reports the crash to Pacemaker, and PAF recovers the instance on the same node."""

    name = "kill-postgres"
    gap = 10.0
    summary = "kill -9 of the primary's postmaster: recovered where it was"
    failed = 3  # those that the postmaster had accepted, until HAProxy has seen that it is gone

    _victim = ""

    def victim(self, stage: Stage) -> str:
        return stage.primary

    def expected(self, stage: Stage) -> str | None:
        self._victim = self.victim(stage)
        return super().expected(stage)

    def breaks(self, stage: Stage) -> Collection[str]:
        return (self.victim(stage),)

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[self.victim(stage)]
        stage.say(f"kill -9 {signal(stage, node, 'KILL')}, the postmaster", node.name)

    def follow(self, stage: Stage) -> None:
        name = self.victim(stage)
        stage.wait(lambda: "" if stage.roles[name] == "down" else "PostgreSQL still answers", 5)

    def fault(self, evidence: Evidence) -> Finding:
        return witness.every(
            witness.replaced(evidence, facts.POSTGRES, self._victim),
            witness.became(evidence, self._victim),
        )

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [
            *self.audits(evidence),
            service.served_within(evidence, self.gap * evidence.slowness),
            crash.recovered(evidence, self._victim, BEYOND_RECOVERY),
            crash.one_gap(evidence),
        ]

    def audits(self, evidence: Evidence) -> list[Finding]:
        """Returns those of any crash."""
        return [
            *super().judge(evidence),
            crash.reported(evidence, REPORTED_WITHIN * evidence.slowness),
        ]


class KillPostgresStandby(KillPostgres):
    name = "kill-postgres-standby"
    summary = "kill -9 of a standby's postmaster: writers see nothing"

    def victim(self, stage: Stage) -> str:
        return next(name for name in sorted(stage.names) if name != stage.primary)

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [*self.audits(evidence), service.writers_undisturbed(evidence)]


class StopPostgres(Drill):
    """It takes connections and never answers. PAF's monitor and stop time out, and the node is
    fenced: longer than a new connection waits.
    """

    name = "stop-postgres"
    repairs = 1
    gap = 420.0
    summary = "SIGSTOP of the primary's postmaster: nothing misrouted, nothing lost"
    moves = None
    fencings = 1
    failed = None
    deadline = 420.0

    def breaks(self, stage: Stage) -> Collection[str]:
        return (stage.primary,)

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[stage.primary]
        pid = signal(stage, node, "STOP")
        stage.say(f"SIGSTOP to {pid}, the postmaster", node.name)
        stage.fail_if(not commands.stopped(node, pid), "the postmaster is not stopped")
        stage.saw(STOPPED, node.name)

    def fault(self, evidence: Evidence) -> Finding:
        return witness.every(
            witness.sighted(evidence, STOPPED, (evidence.primary,)),
            witness.replaced(evidence, facts.POSTGRES, evidence.primary),
        )


class WalFull(Drill):
    """The disk of the primary's PostgreSQL is full; the next segment of WAL ends it in a panic.

    It cannot start there either until somebody makes room: another node must take over. PAF waits
    for "in crash recovery" to end, with every action until its timeout: 4.5 minutes altogether.
    """

    name = "wal-full"
    repairs = 1
    gap = 450.0
    summary = "no room for WAL on the primary's node: another takes over, no row lost"
    moves = None
    fencings = 1
    failed = None
    deadline = 240.0

    def expected(self, stage: Stage) -> str | None:
        node = stage.nodes[stage.primary]
        if node.run("mountpoint", "-q", DISK, check=False).returncode:
            raise LabError(f"{DISK} of {node.name} is no file system of its own: nothing to fill")
        return None

    def breaks(self, stage: Stage) -> Collection[str]:
        return (stage.primary,)

    def inject(self, stage: Stage) -> None:
        name = stage.primary
        stage.say(f"fill {DISK}", name)
        stage.nodes[name].run("sh", "-c", FILL)
        stage.fail_if(
            stage.nodes[name].run("sh", "-c", f"echo x >{DISK}/fill2", check=False).returncode == 0,
            f"{DISK} of {name} is not full",
        )
        for _ in range(SEGMENTS):
            try:
                commands.psql(stage.nodes[name], stage.settings, SWITCH)
            except LabError:
                break
        stage.wait(lambda: "" if stage.roles[name] == "down" else "PostgreSQL goes on", within=10)
        stage.say("PostgreSQL has no room for WAL", name)
        stage.saw(FULL, name)

    def follow(self, stage: Stage) -> None:
        stage.wait(lambda: "" if self._elsewhere(stage) else "nobody else is promoted", GIVEN_UP, 1)
        stage.rest(3)

    def _elsewhere(self, stage: Stage) -> bool:
        try:
            return stage.leader() != stage.primary
        except LabError:
            return False  # a node is on its way down

    def undo(self, stage: Stage) -> None:
        node = stage.nodes[stage.primary]
        stage.wait(lambda: "" if node.running else f"{node.name} is off", within=60)
        node.await_ready()
        stage.say("make room", node.name)
        node.run("rm", "-f", f"{DISK}/fill", f"{DISK}/fill2")

    def fault(self, evidence: Evidence) -> Finding:
        here = evidence.primary
        return witness.every(
            witness.sighted(evidence, FULL, (here,)), witness.became(evidence, here)
        )


GIVEN_UP = 480.0
"""s: the timeouts of PAF's monitor, notify, demote and stop, then the fencing."""
DISK = "/var/lib/postgresql"
FILL = f"""free=$(df --output=avail -B4096 {DISK} | tail -1)
fallocate -l $((free * 4096)) {DISK}/fill; cat /dev/zero >{DISK}/fill2 2>/dev/null; true"""
SEGMENTS = 50
"""Most that PostgreSQL may have kept for recycling, and more."""
SWITCH = "SELECT pg_logical_emit_message(false, 'drill', 'x'); SELECT pg_switch_wal()"
