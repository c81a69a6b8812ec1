"""The cluster grows and shrinks while it is in use."""

from __future__ import annotations

from ... import spare
from ...node import SPARE, named
from .. import service
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage
from .cluster import let_go


class FourthNode(Drill):
    """The others' HAProxys are told by nobody; their monitors find out and reload."""

    name = "fourth-node"
    lab_only = True
    summary = "a fourth node joins the cluster, serves readers, and leaves: nobody else notices"
    failed = 1  # a reader of the node that leaves
    deadline = 120.0

    def inject(self, stage: Stage) -> None:
        stage.say("joins the cluster", SPARE.name)
        spare.join(named(stage.primary))
        stage.wait(lambda: self._lacking(stage, known=True), within=60, every=1)
        stage.say("serves readers through every node", SPARE.name)
        stage.rest(3)

    def _lacking(self, stage: Stage, known: bool) -> str:
        for name in stage.names:
            state = (stage.servers.get(name) or {}).get(f"stdby/{SPARE.name}")
            if known and state != "ready up":
                return f"HAProxy on {name} has stdby/{SPARE.name} {state}"
            if not known and state is not None:
                return f"HAProxy on {name} still knows {SPARE.name}"
        return ""

    def follow(self, stage: Stage) -> None:
        stage.say("leaves the cluster", SPARE.name)
        spare.leave()
        stage.wait(lambda: self._lacking(stage, known=False), within=60, every=1)

    def undo(self, stage: Stage) -> None:
        if SPARE.running:
            stage.say("is taken away", SPARE.name)
            spare.leave()
        let_go(stage)

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [
            *super().judge(evidence),
            service.primary_stayed(evidence),
            service.writers_undisturbed(evidence),
            service.served_by(evidence, SPARE.address),
        ]
