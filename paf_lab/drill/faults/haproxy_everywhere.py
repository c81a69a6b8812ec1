"""HAProxy is killed on all nodes at once."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from ...shell import together
from .. import commands, facts, service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage
from .haproxy import KillHaproxy


class KillEveryHaproxy(KillHaproxy):
    """No node is left that could tell the others a role, and no standby replicates until its own
    HAProxy is back. Each HAProxy takes the role file for its start; PostgreSQL must not notice.
    """

    name = "kill-every-haproxy"
    gap = 6.0
    reader_gap = 6.0
    summary = "kill -9 of HAProxy on all nodes at once: all are back soon, PostgreSQL stays"
    failed = None  # clients are refused until systemd has started HAProxy again

    def breaks(self, stage: Stage) -> Collection[str]:
        return stage.names

    def inject(self, stage: Stage) -> None:
        pids = {
            name: commands.haproxy_pid(node, stage.settings) for name, node in stage.nodes.items()
        }
        if silent := sorted(name for name, pid in pids.items() if pid is None):
            raise LabError(f"HAProxy on {silent[0]} does not tell its pid")
        for name, pid in pids.items():
            stage.say(f"SIGKILL to {pid}, the HAProxy", name)
        together(lambda name: stage.nodes[name].run("kill", "-KILL", str(pids[name])), pids)

    def follow(self, stage: Stage) -> None:
        def alive() -> str:
            found = [name for name in stage.names if not stage.fell_silent(name)]
            return f"HAProxy on {found[0]} still answers" if found else ""

        stage.wait(alive, within=5)
        stage.wait(lambda: stage.unrouted(stage.primary))

    def judge(self, evidence: Evidence) -> list[Finding]:
        back = [
            service.haproxy_back(evidence, name, self._within())
            for name in sorted(evidence.addresses)
        ]
        return [*Drill.judge(self, evidence), service.primary_stayed(evidence), *back]

    def fault(self, evidence: Evidence) -> Finding:
        """All were away at one moment."""
        away = [service.haproxy_away(evidence, name) for name in evidence.addresses]
        found = [each for each in away if each is not None]
        at_once = len(found) == len(away) and max(since for since, _ in found) < min(
            until for _, until in found
        )
        text = ", at one moment" if at_once else ""
        value = f"HAProxy away on {len(found)} of {len(away)} nodes{text}"
        killed = witness.replaced(evidence, facts.WORKER, *sorted(evidence.addresses))
        return witness.every(killed, witness.witness(at_once, value))
