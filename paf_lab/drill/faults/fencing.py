"""Fencing does not work: nobody may be promoted until it does."""

from __future__ import annotations

from ... import disorder, power
from .. import witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage

REFUSED_FOR = 20.0  # s
REFUSED = "fencings that were refused"


class FencingFails(Drill):
    name = "fencing-fails"
    repairs = 1
    gap = 45.0
    lab_only = True
    summary = "primary's node off while fencing fails: no promotion until it works again"
    moves = True
    fencings = 1
    failed = 1  # one that was under way
    deadline = 180.0

    def inject(self, stage: Stage) -> None:
        disorder.refuse(True)
        stage.say("power off, and the power switch refuses", stage.primary)
        stage.nodes[stage.primary].power_off()

    def follow(self, stage: Stage) -> None:
        stage.rest(REFUSED_FOR)
        stage.saw(REFUSED, stage.primary, len(power.refusals(stage.started)))
        promoted = [name for name, role in stage.roles.items() if role == "primary"]
        stage.fail_if(promoted, f"{promoted} promoted without fencing")

    def undo(self, stage: Stage) -> None:
        stage.say("the power switch works again")
        disorder.refuse(False)

    def fault(self, evidence: Evidence) -> Finding:
        here = evidence.primary
        return witness.every(
            witness.rebooted(evidence, here), witness.sighted(evidence, REFUSED, (here,))
        )
