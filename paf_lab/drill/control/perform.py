"""A drill without its injection: everything else is done as always."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from ...errors import LabError
from .. import facts, runner, whole
from ..drill import Drill
from ..run import DrillProcedure
from ..stage import Stage, View
from ..target import Target
from .row import Row, judged

FOLLOW_FOR = 5.0
"""s that a drill may follow a fault which is not there."""
WHOLE_WITHIN = 60.0  # s


class ControlProcedure(DrillProcedure):
    """Does not inject. What `follow` misses is no trouble; what goes wrong before and after is."""

    def bring_about(self, stage: Stage) -> str:
        self._before = facts.gather(stage)
        try:
            self._drill.prepare(stage)
            stage.started = time.time()
            stage.say(f"{self._drill.name}: the injection is omitted")
            with contextlib.suppress(LabError), stage.bounded(FOLLOW_FOR):
                self._drill.follow(stage)
        finally:
            self._drill.undo(stage)
        return ""

    def await_whole(self, stage: Stage) -> None:
        whole.DrillRecovery(stage, stage.primary).await_whole(WHOLE_WITHIN)

    def expected(self, stage: Stage) -> str:
        """The primary stays where it is."""
        return stage.primary


def perform(drill: Drill, target: Target, directory: Path, view: View) -> Row:
    """Performs the control of a drill. Raises LabError if it cannot even begin."""
    began = time.monotonic()
    seen = runner.perform(ControlProcedure(drill), target, directory, view)
    findings = drill.judge(seen.evidence)
    return judged(drill.name, findings, seen.evidence.trouble, time.monotonic() - began)
