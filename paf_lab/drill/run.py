"""One run of a drill, from a healthy cluster to a verdict."""

from __future__ import annotations

import time
from pathlib import Path

from . import commands, facts, leftovers, runner, whole
from .drill import Drill
from .records import Facts
from .runner import Aftermath
from .stage import Stage, View
from .target import Target
from .verdict import Run


def perform(
    drill: Drill,
    number: int,
    target: Target,
    directory: Path,
    view: View,
) -> Run:
    """Runs a drill once. Raises LabError if it cannot even begin; what goes wrong after the event
    is part of the verdict.
    """
    seen = runner.perform(DrillProcedure(drill), target, directory, view)
    return Run(drill.name, number, seen.evidence, tuple(drill.judge(seen.evidence)), seen.events)


class DrillProcedure:
    """How a drill is performed: Pacemaker, PAF and HAProxy are asked whether the cluster is whole.
    If the event goes wrong, nobody waits until it is.
    """

    def __init__(self, drill: Drill) -> None:
        self._drill = drill
        self._wanted: str | None = None
        self._before: dict[str, Facts] = {}

    def check(self, stage: Stage) -> None:
        if self._drill.pooled and commands.pooled(stage.nodes.values()):
            stage.settings = stage.settings.with_pooled(self._drill.transaction)
        stage.target.check()

    def begin(self, stage: Stage) -> None:
        before = whole.begin(stage)
        stage.primary = before.status.promoted(stage.settings.pgsql_clone) or ""
        self._wanted = self._drill.expected(stage)
        breaks = self._drill.breaks(stage)
        stage.target.allow(self._drill.name, breaks, self._drill.lab_only)

    def bring_about(self, stage: Stage) -> str:
        self._before = facts.gather(stage)
        try:
            self._drill.prepare(stage)
            stage.started = time.time()
            self._drill.inject(stage)
            self._drill.follow(stage)
        finally:
            self._drill.undo(stage)
        return ""

    def await_whole(self, stage: Stage) -> None:
        whole.DrillRecovery(stage, self._wanted).await_whole(self._drill.deadline)

    def finish(self, stage: Stage) -> None:
        self._drill.finish(stage)

    def expected(self, stage: Stage) -> str:
        return self._wanted or stage.leader()

    def look_round(self, stage: Stage) -> Aftermath:
        return Aftermath(
            fencings=stage.target.fencings(stage.started, stage.anyone),
            receivers=leftovers.receivers(stage),
            leftovers=leftovers.find(stage),
            before=self._before,
            after=facts.gather(stage),
        )
