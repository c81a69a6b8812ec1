"""A node loses its power: no packet leaves it any more, nothing is written back."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from .. import commands, service
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage

SERVED_AGAIN = 0.5
"""s after the new primary left recovery."""


class PowerOff(Drill):
    """The fencing that follows switches it on again; it must rejoin by itself or be rebuilt."""

    fencings = 1
    deadline = 180.0
    failed: int | None = 1  # the one that was under way

    def victim(self, stage: Stage) -> str:
        raise NotImplementedError

    def breaks(self, stage: Stage) -> Collection[str]:
        return (self.victim(stage),)

    def inject(self, stage: Stage) -> None:
        name = self.victim(stage)
        stage.say("power off", name)
        stage.nodes[name].power_off()
        if stage.nodes[name].running:
            raise LabError(f"{name} still runs")

    def follow(self, stage: Stage) -> None:
        stage.wait(lambda: "" if stage.died else "no program of a node has died", within=10)


class PowerOffPrimary(PowerOff):
    name = "poweroff"
    summary = "power-off of the primary's node: one failed connection a client, no row lost"
    moves = True

    def victim(self, stage: Stage) -> str:
        return stage.primary

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [*super().judge(evidence), service.served_again(evidence, SERVED_AGAIN)]


class PowerOffStandby(PowerOff):
    name = "poweroff-standby"
    summary = "power-off of a standby's node: writers of the other nodes see nothing"

    def victim(self, stage: Stage) -> str:
        return next(name for name in sorted(stage.names) if name != stage.primary)

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [*super().judge(evidence), service.writers_undisturbed(evidence)]


class PowerOffDC(PowerOff):
    name = "poweroff-dc"
    summary = "power-off of the node that leads Pacemaker"
    moves = None

    def victim(self, stage: Stage) -> str:
        return commands.status(stage.anyone).dc
