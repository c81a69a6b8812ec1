"""A planned switchover: Pacemaker is asked to promote another node."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from .. import commands, service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..settings import Bars
from ..stage import Stage


class Switchover(Drill):
    """to: the node to promote; by default the one after the primary, in the order of names."""

    name = "switchover"
    clearings = 0
    gap = 6.0
    moves: bool | None = True
    pooled = True
    with_ratio = True
    """Whether the write outage is held to what PAF itself takes."""
    summary = "planned switchover: no connection refused, no write misrouted, no row lost"

    def __init__(self, to: str | None = None) -> None:
        self.to = to
        self.bars = Bars()
        self._target = ""

    def expected(self, stage: Stage) -> str:
        names = sorted(stage.names)
        if self.to is not None and self.to not in names:
            raise LabError(f"no node {self.to} to switch over to: there are {', '.join(names)}")
        if self.to == stage.primary:
            raise LabError(f"{self.to} is the primary already: name another node")
        after = names[(names.index(stage.primary) + 1) % len(names)]
        self._target = self.to or after
        self.bars = stage.settings.bars
        return self._target

    def breaks(self, stage: Stage) -> Collection[str]:
        return ()

    def inject(self, stage: Stage) -> None:
        stage.say(f"ask Pacemaker to move the primary from {stage.primary} to {self._target}")
        target = stage.nodes[self._target]
        commands.move(target, stage.settings.pgsql_clone, self._target)

    def follow(self, stage: Stage) -> None:
        stage.wait(lambda: stage.unrouted(self._target))
        # Cleared any sooner, Pacemaker may move the primary back: PAF has not set its scores yet.
        stage.await_healthy(self._target, moving=True)

    def undo(self, stage: Stage) -> None:
        commands.clear(stage.anyone, stage.settings.pgsql_clone)

    def fault(self, evidence: Evidence) -> Finding:
        return witness.primary_changed(evidence)

    def judge(self, evidence: Evidence) -> list[Finding]:
        found = super().judge(evidence)
        return [*found, service.ratio(evidence, self.bars.ratio)] if self.with_ratio else found
