"""kill -9 of HAProxy on the primary's node."""

from __future__ import annotations

from ..errors import LabError
from . import audits, commands
from .audits import Evidence, Finding
from .drill import Drill
from .settings import Bars
from .stage import Stage


class KillHaproxy(Drill):
    """It must be back within its monitor's interval plus 2 s, and PostgreSQL must not notice."""

    name = "kill-haproxy"
    summary = "kill -9 of HAProxy on the primary's node: back soon, PostgreSQL stays"

    def __init__(self, bars: Bars | None = None) -> None:
        self.bars = bars or Bars()
        self._interval = 0.0

    def expected(self, stage: Stage) -> str:
        node, resource = stage.anyone, stage.settings.haproxy
        interval = commands.monitor_interval(node, resource, "Promoted")
        if not interval:
            raise LabError(f"resource {resource} has no monitor for its promoted role")
        self._interval = interval
        return stage.primary

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[stage.primary]
        pid = commands.haproxy_pid(node, stage.settings)
        if pid is None:
            raise LabError(f"HAProxy on {node.name} does not tell its pid")
        stage.say(f"kill -9 {pid}, the HAProxy of the primary's node", node.name)
        node.run("kill", "-9", str(pid))

    def follow(self, stage: Stage) -> None:
        here = stage.primary
        stage.wait(lambda: "" if stage.fell_silent(here) else "HAProxy still answers", within=5)
        stage.wait(lambda: stage.unrouted(here))
        # The failure stays on record until somebody has looked at it: that is `undo`.
        stage.wait(lambda: "" if self._recorded(stage) else "Pacemaker has no failure on record")

    def _recorded(self, stage: Stage) -> bool:
        return bool(commands.status(stage.anyone).failures)

    def undo(self, stage: Stage) -> None:
        commands.cleanup(stage.anyone, stage.settings.haproxy)

    def judge(self, evidence: Evidence) -> list[Finding]:
        others = frozenset(evidence.addresses) - {evidence.primary}
        within = self._interval + self.bars.haproxy_back
        return [
            *super().judge(evidence),
            audits.primary_stayed(evidence),
            audits.haproxy_back(evidence, evidence.primary, within),
            audits.undisturbed(evidence, others),
        ]
