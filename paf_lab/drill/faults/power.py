"""A node loses its power: no packet leaves it any more, nothing is written back."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from ...machine import Machine
from .. import commands, service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage

BOOT = ("cat", "/proc/sys/kernel/random/boot_id")
"""It tells another after each boot; systemd-nspawn gives a container one of its own."""
SERVED_AGAIN = 0.5
"""s after the new primary left recovery."""


def _boot(node: Machine) -> str:
    """Returns which boot of the node this is, nothing while it is off."""
    try:
        return node.run(*BOOT).stdout if node.running else ""
    except LabError:
        return ""  # it went off between the two


class PowerOff(Drill):
    """The fencing that follows switches it on again; it must rejoin by itself or be rebuilt."""

    fencings = 1
    deadline = 180.0
    failed: int | None = 1  # the one that was under way

    def victim(self, stage: Stage) -> str:
        raise NotImplementedError

    def expected(self, stage: Stage) -> str | None:
        self.off = self.victim(stage)
        return super().expected(stage)

    def breaks(self, stage: Stage) -> Collection[str]:
        return (self.victim(stage),)

    def __init__(self) -> None:
        self.off = ""
        """The node that is switched off."""

    def fault(self, evidence: Evidence) -> Finding:
        return witness.rebooted(evidence, self.off)

    def inject(self, stage: Stage) -> None:
        name = self.off = self.victim(stage)
        node = stage.nodes[name]
        before = node.run(*BOOT).stdout
        stage.say("power off", name)
        node.power_off()
        # Slow machines may have been fenced, and booted, by the time they are asked.
        if _boot(node) == before:
            raise LabError(f"{name} still runs")

    def follow(self, stage: Stage) -> None:
        stage.wait(lambda: "" if self.off in stage.died else f"{self.off} still runs", within=10)


class PowerOffPrimary(PowerOff):
    name = "poweroff"
    repairs = 1
    gap = 25.0
    summary = "power-off of the primary's node: one failed connection a client, no row lost"
    moves = True

    def victim(self, stage: Stage) -> str:
        return stage.primary

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [*super().judge(evidence), service.served_again(evidence, SERVED_AGAIN)]


class PowerOffStandby(PowerOff):
    name = "poweroff-standby"
    reader_gap = 12.0
    summary = "power-off of a standby's node: writers of the other nodes see nothing"

    def victim(self, stage: Stage) -> str:
        return next(name for name in sorted(stage.names) if name != stage.primary)

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [*super().judge(evidence), service.writers_undisturbed(evidence)]


class PowerOffDC(PowerOff):
    name = "poweroff-dc"
    repairs = 1  # the DC's node may be the primary's
    gap = 25.0
    reader_gap = 12.0
    summary = "power-off of the node that leads Pacemaker"
    moves = None

    def victim(self, stage: Stage) -> str:
        return commands.status(stage.anyone).dc
