"""Somebody promotes a standby by hand, without Pacemaker."""

from __future__ import annotations

from dataclasses import replace

from .. import audits, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..records import PRIMARY
from ..stage import Stage


class StrayPrimary(Drill):
    """PAF takes the promoted standby for the better primary, and demotes the old one. Rows that the
    old one has acknowledged since are lost, and no HAProxy can prevent it. HAProxy prevents two
    things: a write to the standby before Pacemaker makes it the primary, and writes to both.
    """

    name = "stray-primary"
    repairs = 2
    clearings = 2
    gap = 90.0
    reader_gap = 30.0
    stray_reads = 3  # until the node reports that it is no standby
    summary = "a standby promoted by hand: it gets no write before Pacemaker makes it the primary"
    moves = None
    failed = None
    deadline = 240.0

    def __init__(self) -> None:
        self._victim = ""

    def expected(self, stage: Stage) -> str | None:
        self._victim = next(name for name in sorted(stage.names) if name != stage.primary)
        return super().expected(stage)

    def inject(self, stage: Stage) -> None:
        name = self._victim
        stage.say("pg_ctl promote, by hand", name)
        settings = stage.settings
        command = f"{settings.bindir}/pg_ctl promote -D {settings.pgdata}"
        stage.nodes[name].run("sh", "-c", command, user="postgres")
        stage.wait(lambda: "" if stage.roles[name] == "primary" else f"{name} is no primary", 30)

    def follow(self, stage: Stage) -> None:
        stage.rest(20)  # PAF's monitor comes by

    def fault(self, evidence: Evidence) -> Finding:
        return witness.became(evidence, self._victim, PRIMARY)

    def judge(self, evidence: Evidence) -> list[Finding]:
        lost = audits.lost_rows(evidence)
        others = [finding for finding in super().judge(evidence) if finding.name != lost.name]
        return [*others, replace(lost, passed=True, bar="PAF's choice")]
