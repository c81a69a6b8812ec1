"""A switchover to a node on which HAProxy cannot start."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from .. import commands, service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage
from .combined import PROGRAM

SILENT_WITHIN = 10.0  # s
ASKED_WITHIN = 120.0  # s
LOOKED_FOR = 5.0  # s: nothing must follow
REFUSED = "refusals of paf-haproxy switchover"


class CandidateWithoutHaproxy(Drill):
    """A standby streams through the HAProxy of its node, so this one lacks WAL. A plain move
    promotes it all the same: PAF calls that off, and Pacemaker tries one node after another for
    20 s. `paf-haproxy switchover` must refuse, and nobody elsewhere must notice.

    Clients of the candidate's node have no HAProxy, which is not counted against them.
    """

    name = "candidate-without-haproxy"
    clearings = 2  # its start failed, and Pacemaker does not try again for 30 s
    summary = "switchover to a node whose HAProxy cannot start: refused, nobody else notices"
    deadline = 150.0

    def __init__(self) -> None:
        self._candidate = ""

    def expected(self, stage: Stage) -> str:
        self._candidate = next(name for name in sorted(stage.names) if name != stage.primary)
        return stage.primary

    def breaks(self, stage: Stage) -> Collection[str]:
        return (self._candidate or stage.primary,)

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[self._candidate]
        pid = commands.haproxy_pid(node, stage.settings)
        stage.leaves(node.name)
        stage.say(f"{PROGRAM} is not executable, kill -9 {pid}", node.name)
        node.run("sh", "-c", f"chmod a-x {PROGRAM}; kill -9 {pid}")
        silent = lambda: "" if stage.fell_silent(node.name) else "HAProxy still answers"  # noqa: E731
        stage.wait(silent, within=SILENT_WITHIN)
        stage.say(f"paf-haproxy switchover {node.name}", stage.primary)
        words = ("paf-haproxy", "switchover", node.name)
        done = stage.nodes[stage.primary].run(*words, check=False, timeout=ASKED_WITHIN)
        if done.returncode != 1 or "Nothing was changed" not in " ".join(done.stdout.split()):
            raise LabError(f"paf-haproxy switchover was not refused: {done.stdout.strip()[-200:]}")
        stage.saw(REFUSED, node.name)

    def follow(self, stage: Stage) -> None:
        stage.rest(LOOKED_FOR)

    def undo(self, stage: Stage) -> None:
        stage.nodes[self._candidate].run("chmod", "a+x", PROGRAM)
        stage.clear_failures(stage.settings.haproxy)

    def fault(self, evidence: Evidence) -> Finding:
        """HAProxy was away, and the command has refused."""
        name = self._candidate
        away = service.haproxy_away(evidence, name) if name else None
        text = f"HAProxy on {name}: {'away' if away else 'never away'}"
        return witness.every(
            witness.witness(away is not None, text), witness.sighted(evidence, REFUSED, (name,))
        )

    def judge(self, evidence: Evidence) -> list[Finding]:
        others = frozenset(evidence.addresses) - {self._candidate}
        return [
            *super().judge(evidence),
            service.primary_stayed(evidence),
            service.undisturbed(evidence, others),
        ]
