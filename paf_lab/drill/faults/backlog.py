"""WAL waits for a slow archive when the primary is moved."""

from __future__ import annotations

from collections.abc import Collection

from ...machine import Machine
from .. import commands, witness
from ..audits import Evidence, Finding
from ..stage import Stage
from .alter import alter, reset, shown
from .postgres import SWITCH
from .switchover import Switchover

SEGMENTS = 10
PER_SEGMENT = 1.0
"""s that the archive command takes."""
LEAST_ABSENCE = 5.0
"""s that PostgreSQL must be away at least for the backlog to have counted."""
READY = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"
MODE, COMMAND = "archive_mode", "archive_command"
RESTARTED_WITHIN = 30.0  # s


def restart(stage: Stage, node: Machine) -> None:
    """Restarts PostgreSQL while Pacemaker does not look, as a setting needs it."""
    role = stage.roles[node.name]
    ctl = f"{stage.settings.bindir}/pg_ctl -D {stage.settings.pgdata} -w -s -m fast -l /dev/null"
    stage.anyone.run("pcs", "property", "set", "maintenance-mode=true")
    try:
        stage.rest(2)  # until the monitors are cancelled
        node.run("sh", "-c", f"{ctl} restart", user="postgres", timeout=120)
        again = lambda: "" if stage.roles[node.name] == role else f"{node.name} is no {role}"  # noqa: E731
        stage.wait(again, RESTARTED_WITHIN)
    finally:
        stage.anyone.run("pcs", "property", "set", "maintenance-mode=false")


class ArchiveBacklog(Switchover):
    """PostgreSQL ends only when its archiver has archived all segments, so PAF's demote takes 10 s
    longer. Connections wait in the hold for it. archive_mode needs a restart of PostgreSQL before
    the event, and one after it: these cost the sessions of that instance, once each.
    """

    name = "archive-backlog"
    gap = 6.0 + SEGMENTS * PER_SEGMENT + 4.0
    reader_gap = 6.0
    failed = 2  # at the two restarts
    pooled = False
    summary = "switchover while 10 segments of WAL wait for a slow archive: clients wait"
    deadline = 180.0

    def __init__(self, to: str | None = None) -> None:
        super().__init__(to)
        self._ready = 0

    def breaks(self, stage: Stage) -> Collection[str]:
        return (stage.primary,)

    def prepare(self, stage: Stage) -> None:
        node = stage.nodes[stage.primary]
        stage.say("archive_mode on, with a slow archive_command", node.name)
        alter(stage, node, COMMAND, f"sleep {PER_SEGMENT:g}")
        alter(stage, node, MODE, "on")
        restart(stage, node)
        stage.await_healthy()

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[stage.primary]
        for _ in range(SEGMENTS):
            commands.psql(node, stage.settings, SWITCH)
        self._ready = int(commands.psql(node, stage.settings, READY).strip() or 0)
        stage.say(f"{self._ready} segments wait for the archive", node.name)
        super().inject(stage)

    def undo(self, stage: Stage) -> None:
        try:
            super().undo(stage)
        finally:
            node = stage.nodes[stage.primary]
            stage.say("archive_mode off", node.name)
            reset(stage, node, MODE, COMMAND)
        if shown(stage, node, MODE) != "off":
            restart(stage, node)

    def fault(self, evidence: Evidence) -> Finding:
        change = evidence.change
        absence = 0.0 if change is None else change.absence
        passed = self._ready >= SEGMENTS / 2 and absence >= LEAST_ABSENCE  # so it has moved
        return witness.witness(
            passed, f"{self._ready} segments to archive, away for {absence:.1f} s"
        )
