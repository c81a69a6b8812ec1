"""Two things go wrong at a time, or one at a bad moment."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from .. import commands, service, witness
from ..audits import Evidence, Finding
from ..records import PRIMARY
from ..stage import Stage
from .power import PowerOffPrimary
from .switchover import Switchover

BACKLOG = """CREATE TABLE drill.backlog AS
    SELECT n, repeat(md5(n::text), 20) AS text FROM generate_series(1, 300000) AS n;
UPDATE drill.backlog SET text = text || 'x';
"""
LAG = "SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint >> 20"
BEHIND = "MB of WAL to replay"
LEAST_BEHIND = 100  # MB
RECEIVER = "SELECT pid FROM pg_stat_wal_receiver"
AHEAD = 0.5  # s before the power-off, for which only the candidate receives WAL
ORDER = "Initiating promote operation pgsqld"
LEAST_DELAY = 0.8
"""s; a promotion without a backlog takes 0.15 to 0.4 s."""

PROGRAM = "/usr/sbin/haproxy"
AWAY = f"{PROGRAM}.away"


class DoubleFailure(PowerOffPrimary):
    """A survivor has no HAProxy until another node is primary: its program is not there. If that
    survivor becomes the primary, Pacemaker cannot tell that its HAProxy will be promoted;
    PostgreSQL's word comes some ms after the fact.
    """

    name = "double-failure"
    repairs = 1
    clearings = 2
    gap = 25.0
    summary = "power-off of the primary's node, and another node without HAProxy until failover"
    failed = 1  # one that was under way
    stray_reads = 3

    def __init__(self) -> None:
        super().__init__()
        self._without = ""

    def expected(self, stage: Stage) -> str | None:
        self._without = next(name for name in sorted(stage.names) if name != stage.primary)
        return super().expected(stage)

    def breaks(self, stage: Stage) -> Collection[str]:
        return stage.names

    def inject(self, stage: Stage) -> None:
        name = self._without
        pid = commands.haproxy_pid(stage.nodes[name], stage.settings)
        stage.leaves(name)
        stage.say(f"take {PROGRAM} away, kill -9 {pid}, the HAProxy", name)
        stage.nodes[name].run("sh", "-c", f"mv {PROGRAM} {AWAY}; kill -9 {pid}")
        super().inject(stage)

    def follow(self, stage: Stage) -> None:
        super().follow(stage)
        stage.wait(lambda: new_primary(stage), within=60)

    def undo(self, stage: Stage) -> None:
        script = f"[ ! -e {AWAY} ] || mv {AWAY} {PROGRAM}"
        stage.nodes[self._without].run("sh", "-c", script)
        # Otherwise Pacemaker starts HAProxy there again only after its failure-timeout.
        stage.clear_failures(stage.settings.haproxy)
        super().undo(stage)

    def fault(self, evidence: Evidence) -> Finding:
        change = evidence.change
        moment = evidence.started if change is None else change.out_of_recovery
        return witness.every(
            super().fault(evidence),
            witness.primary_changed(evidence),
            witness.silent_at(evidence, self._without, moment),
        )

    def judge(self, evidence: Evidence) -> list[Finding]:
        found = super().judge(evidence)
        own = service.served_again(evidence, 0).name
        return [finding for finding in found if finding.name != own]


def new_primary(stage: Stage) -> str:
    """Returns '' if a node other than the primary of before is primary, or what is missing."""
    others = (role for name, role in stage.roles.items() if name != stage.primary)
    return "" if PRIMARY in others else "no other node is primary"


class SlowPromote(Switchover):
    """The standbys have a lot to replay before they can be promoted. Done by a power-off, for in a
    switchover PAF waits for them. The candidate is ahead of the other standby: if it were not, PAF
    would restart it, and then wait 90 s for a position that it has not (docs/traps/paf.md).
    """

    name = "slow-promote"
    repairs = 1
    clearings = 1
    gap = 30.0
    pooled = False
    summary = "power-off of the primary with a large backlog to replay on the standbys"
    moves = True
    fencings = 1
    failed: int | None = None
    deadline = 240.0
    with_ratio = False

    def __init__(self, to: str | None = None) -> None:
        super().__init__(to)
        self._receivers: dict[str, str] = {}

    def expected(self, stage: Stage) -> None:  # type: ignore[override]
        return None

    def breaks(self, stage: Stage) -> Collection[str]:
        return stage.names

    def prepare(self, stage: Stage) -> None:
        for name, node in stage.nodes.items():
            if name != stage.primary:
                commands.psql(node, stage.settings, "SELECT pg_wal_replay_pause();")
        stage.say("replay paused; write a backlog", stage.primary)
        node = stage.nodes[stage.primary]
        commands.psql(node, stage.settings, BACKLOG, stage.settings.database)

    def inject(self, stage: Stage) -> None:
        for name, node in stage.nodes.items():
            if name != stage.primary:
                stage.saw(BEHIND, name, int(commands.psql(node, stage.settings, LAG)))
        standbys = [name for name in sorted(stage.names) if name != stage.primary]
        pgsql = stage.settings.pgsql
        candidate = max(standbys, key=lambda name: commands.score(stage.anyone, pgsql, name))
        self._receivers = {
            name: commands.psql(stage.nodes[name], stage.settings, RECEIVER).strip()
            for name in standbys
            if name != candidate
        }
        for name, pid in self._receivers.items():
            stage.nodes[name].run("kill", "-STOP", pid)
        stage.rest(AHEAD)
        stage.say("power off", stage.primary)
        stage.nodes[stage.primary].power_off()
        self._go_on(stage)

    def _go_on(self, stage: Stage) -> None:
        for name, pid in self._receivers.items():
            stage.nodes[name].run("kill", "-CONT", pid, check=False)
        self._receivers = {}

    def follow(self, stage: Stage) -> None:
        """Replay stays paused until PostgreSQL is told to promote itself: that ends the pause."""
        stage.wait(lambda: "" if stage.died else "no program of a node has died", within=10)
        stage.wait(lambda: new_primary(stage), within=120)

    def undo(self, stage: Stage) -> None:
        self._go_on(stage)
        for node in stage.nodes.values():
            if node.running:
                try:
                    commands.psql(node, stage.settings, "SELECT pg_wal_replay_resume();")
                except LabError:
                    pass  # it is no standby any more

    def fault(self, evidence: Evidence) -> Finding:
        standbys = set(evidence.addresses) - {evidence.primary}
        return witness.every(
            witness.rebooted(evidence, evidence.primary),
            witness.sighted(evidence, BEHIND, standbys, LEAST_BEHIND),
            promoted_slowly(evidence),
        )


def promoted_slowly(evidence: Evidence) -> Finding:
    """PostgreSQL left recovery late after Pacemaker had ordered its promotion."""
    change = evidence.change
    orders = [
        line.at for line in evidence.seen.log if ORDER in line.text and line.at >= evidence.started
    ]
    orders = [at for at in orders if change is not None and at <= change.out_of_recovery]
    if change is None or not orders:
        return witness.witness(False, "no promotion that Pacemaker ordered")
    took = change.out_of_recovery - max(orders)
    return witness.witness(took >= LEAST_DELAY, f"promoted {took:.2f} s after the order")
