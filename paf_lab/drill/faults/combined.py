"""Two things go wrong at a time, or one at a bad moment."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from .. import commands, service
from ..audits import Evidence, Finding
from ..stage import Stage
from .power import PowerOffPrimary
from .switchover import Switchover

BACKLOG = """CREATE TABLE drill.backlog AS
    SELECT n, repeat(md5(n::text), 20) AS text FROM generate_series(1, 300000) AS n;
UPDATE drill.backlog SET text = text || 'x';
"""


class DoubleFailure(PowerOffPrimary):
    """A survivor has no HAProxy in the moment of the failover. If it becomes the primary, Pacemaker
    cannot tell that its HAProxy will be promoted; PostgreSQL's word comes some ms after the fact.
    """

    name = "double-failure"
    repairs = 1
    gap = 25.0
    summary = "power-off of the primary's node, and HAProxy of another killed at once"
    failed = 1  # one that was under way
    stray_reads = 3

    def breaks(self, stage: Stage) -> Collection[str]:
        return stage.names

    def inject(self, stage: Stage) -> None:
        name = next(name for name in sorted(stage.names) if name != stage.primary)
        pid = commands.haproxy_pid(stage.nodes[name], stage.settings)
        stage.say(f"kill -9 {pid}, the HAProxy", name)
        stage.nodes[name].run("kill", "-9", str(pid))
        super().inject(stage)

    def judge(self, evidence: Evidence) -> list[Finding]:
        found = super().judge(evidence)
        own = service.served_again(evidence, 0).name
        return [finding for finding in found if finding.name != own]


class SlowPromote(Switchover):
    """The standbys have a lot to replay before they can be promoted. Done by a power-off, for in a
    switchover PAF waits for them.
    """

    name = "slow-promote"
    repairs = 1
    gap = 30.0
    pooled = False
    summary = "power-off of the primary with a large backlog to replay on the standbys"
    moves = True
    fencings = 1
    failed: int | None = None
    deadline = 240.0
    with_ratio = False

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
        stage.say("power off", stage.primary)
        stage.nodes[stage.primary].power_off()

    def follow(self, stage: Stage) -> None:
        stage.wait(lambda: "" if stage.died else "no program of a node has died", within=10)

    def undo(self, stage: Stage) -> None:
        for node in stage.nodes.values():
            if node.running:
                try:
                    commands.psql(node, stage.settings, "SELECT pg_wal_replay_resume();")
                except LabError:
                    pass  # it is no standby any more
