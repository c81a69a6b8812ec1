"""All processes of a node stand still, as those of a virtual machine that its host does not run.

The kernel of a container goes on: it answers to packets, and accepts connections that nobody reads.
A machine that is paused does not even do that.
"""

from __future__ import annotations

from collections.abc import Collection

from ... import cgroup, disorder
from ...node import named
from .. import service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage
from ..stillness import silence
from .combined import new_primary

PAUSE = 1.5
"""s, shorter than Corosync's token (3 s)."""
LEAST_PAUSE = 1.0
FENCED_WITHIN = 60.0  # s
PROMOTED_WITHIN = 60.0  # s
BEYOND = 5.0
"""s for which the node stays frozen after another is primary."""
THAWED_FOR = 10.0
"""s for which the old primary goes on beside the new one."""


def freeze(stage: Stage, name: str) -> None:
    """A node that stands still cannot tell how the cluster is."""
    stage.out_of_touch = {name}
    stage.say("freeze all processes", name)
    cgroup.freeze(name, True)


def thaw(stage: Stage, name: str) -> None:
    """Also if the node has not stood still as a whole, or was fenced meanwhile."""
    if cgroup.frozen(name):
        stage.say("thaw", name)
    cgroup.freeze(name, False)
    stage.out_of_touch = set()


class NodePause(Drill):
    """Corosync's token outlives the pause: nothing moves, connections to the primary wait for it,
    and a check that is late says nothing about PostgreSQL.
    """

    name = "node-pause"
    gap = 4.0  # the pause, and a check that was late
    reader_gap = 4.0
    lab_only = True
    summary = "primary's node stands still for 1.5 s, shorter than the token: nothing moves"

    def breaks(self, stage: Stage) -> Collection[str]:
        return (stage.primary,)

    def inject(self, stage: Stage) -> None:
        freeze(stage, stage.primary)
        stage.rest(PAUSE)

    def undo(self, stage: Stage) -> None:
        thaw(stage, stage.primary)

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [*super().judge(evidence), service.primary_stayed(evidence)]

    def fault(self, evidence: Evidence) -> Finding:
        since, until = silence(evidence, evidence.primary)
        took = until - since
        return witness.witness(took >= LEAST_PAUSE, f"{evidence.primary} silent for {took:.1f} s")


class Frozen(Drill):
    """The others lose the token and fence the node. Until then its kernel accepts connections that
    no process serves: the first of each client may be lost with the node.
    """

    name = "frozen"
    moves = True
    fencings = 1
    repairs = 1
    gap = 25.0
    failed = 2  # the one under way, and one that the kernel accepted
    lab_only = True
    summary = "primary's node stands still until it is fenced: never a write accepted twice"
    deadline = 180.0

    def breaks(self, stage: Stage) -> Collection[str]:
        return (stage.primary,)

    def inject(self, stage: Stage) -> None:
        freeze(stage, stage.primary)

    def follow(self, stage: Stage) -> None:
        here = stage.primary
        stage.wait(lambda: "" if here in stage.died else f"{here} was not fenced", FENCED_WITHIN)

    def undo(self, stage: Stage) -> None:
        thaw(stage, stage.primary)

    def fault(self, evidence: Evidence) -> Finding:
        return witness.every(
            witness.rebooted(evidence, evidence.primary),
            witness.witness(evidence.fencings > 0, f"{evidence.fencings} fencings"),
        )


class FrozenThawed(Frozen):
    """The node is fenced from the network, as by a switch or a cloud's firewall, and keeps its
    power. So the old primary wakes up beside the new one, with all that clients had sent to it.
    Its standbys have left: with synchronous replication it acknowledges nothing, and no HAProxy of
    another node leads to it. A person has to cut the power, and the instance is made anew.
    """

    name = "frozen-thawed"
    fencings = 0
    repairs = 2
    gap = 30.0
    summary = "primary's node thawed after a failover, fenced from the network: no write there"
    deadline = 240.0

    def __init__(self) -> None:
        self._left = False
        """Whether there is an old primary beside the new one, which only a person can end."""

    def inject(self, stage: Stage) -> None:
        stage.say("cut off from the network, as the fence device would do", stage.primary)
        disorder.pretend(True)
        self._left = True
        stage.nodes[stage.primary].cut_off()
        super().inject(stage)

    def follow(self, stage: Stage) -> None:
        stage.wait(lambda: new_primary(stage), PROMOTED_WITHIN)
        stage.rest(BEYOND)
        thaw(stage, stage.primary)
        stage.out_of_touch = {stage.primary}
        stage.rest(THAWED_FOR)

    def undo(self, stage: Stage) -> None:
        disorder.pretend(False)
        try:
            super().undo(stage)
        finally:
            if self._left:
                self._cut_power(stage)

    @staticmethod
    def _cut_power(stage: Stage) -> None:
        node = named(stage.primary)
        stage.repair("power cut, as a person would", node.name)
        node.power_off()
        try:
            stage.wait(lambda: "" if node.name in stage.died else f"{node.name} runs", within=10)
        finally:
            stage.nodes[node.name].plug_in()
            node.boot()

    def fault(self, evidence: Evidence) -> Finding:
        since, until = silence(evidence, evidence.primary)
        change = evidence.change
        meanwhile = change is not None and since < change.out_of_recovery < until
        value = f"{evidence.primary} silent for {until - since:.1f} s, another primary meanwhile"
        return witness.witness(
            meanwhile, value if meanwhile else "no other primary while it stood still"
        )
