"""Packets are lost: the answers of one port, or some of all packets at random."""

from __future__ import annotations

from collections.abc import Collection

from .. import service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage
from . import packets
from .switchover import Switchover

ROLE_PORT = 5435
CUT_FOR = 10.0  # s
LOSS_FOR = 20.0  # s
SHARE = 0.03
"""Of all packets that a node receives. With 0.07, crm_resource gave up after 60 s: too much for
Pacemaker, though Corosync sends a token again four times before it is lost.
"""
AT_RANDOM = ("-m", "statistic", "--mode", "random", "--probability", f"{SHARE:g}")


class RoleAnswersLost(Switchover):
    """The other HAProxys ask the candidate's for its role and hear nothing, although their
    questions arrive. Pacemaker has named the candidate as the new primary, and PostgreSQL's own
    port answers: clients wait until the agent vouches for the silent node, and none may fail.
    """

    name = "role-answers-lost"
    gap = 15.0  # a monitor's interval and its length, beyond a switchover
    pooled = False
    summary = "switchover while the answers of the candidate's role port are lost, one way"
    with_ratio = False  # the monitor vouches for the candidate after the change
    deadline = 120.0

    def __init__(self, to: str | None = None) -> None:
        super().__init__(to)
        self._lost = 0

    def breaks(self, stage: Stage) -> Collection[str]:
        return (self._target or stage.primary,)

    def inject(self, stage: Stage) -> None:
        stage.say(f"lose what leaves port {ROLE_PORT}", self._target)
        port = ("-p", "tcp", "--sport", f"{ROLE_PORT}")
        packets.lose(stage.nodes[self._target], "OUTPUT", *port)
        super().inject(stage)

    def follow(self, stage: Stage) -> None:
        super().follow(stage)
        self._lost = packets.lost(stage.nodes[self._target])

    def undo(self, stage: Stage) -> None:
        try:
            packets.take_back(stage, stage.nodes[self._target])
        finally:
            super().undo(stage)

    def fault(self, evidence: Evidence) -> Finding:
        lost = witness.witness(self._lost > 0, f"{self._lost} packets of the role port lost")
        return witness.every(super().fault(evidence), lost)


class AnswersLost(Drill):
    """What PostgreSQL on the primary's node sends is lost, what is sent to it arrives. No standby
    gets WAL, so no commit is acknowledged anywhere; Corosync notices nothing, and nothing moves.
    """

    name = "answers-lost"
    gap = 30.0  # the cut, and the pause before TCP sends once more, which doubles each time
    summary = "the answers of the primary's PostgreSQL port are lost for 10 s, one way"
    failed = 1  # one that was under way

    def __init__(self) -> None:
        self._lost = 0

    def breaks(self, stage: Stage) -> Collection[str]:
        return (stage.primary,)

    def inject(self, stage: Stage) -> None:
        port = stage.settings.pgport
        stage.say(f"lose what leaves port {port}", stage.primary)
        packets.lose(stage.nodes[stage.primary], "OUTPUT", "-p", "tcp", "--sport", f"{port}")

    def follow(self, stage: Stage) -> None:
        stage.rest(CUT_FOR)
        self._lost = packets.lost(stage.nodes[stage.primary])

    def undo(self, stage: Stage) -> None:
        packets.take_back(stage, stage.nodes[stage.primary])

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [*super().judge(evidence), service.primary_stayed(evidence)]

    def fault(self, evidence: Evidence) -> Finding:
        return witness.witness(self._lost > 0, f"{self._lost} packets of PostgreSQL lost")


class _Lossy:
    """Packets that every node receives are lost at random."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def begin(self, stage: Stage) -> None:
        stage.say(f"lose {SHARE:.0%} of all packets at random, on all nodes")
        for node in stage.nodes.values():
            packets.lose(node, "INPUT", *AT_RANDOM)

    def count(self, stage: Stage) -> None:
        self._counts = {name: packets.lost(node) for name, node in stage.nodes.items()}

    @staticmethod
    def end(stage: Stage) -> None:
        for node in stage.nodes.values():
            packets.take_back(stage, node)

    def fault(self, evidence: Evidence) -> Finding:
        value = ", ".join(f"{name} {lost}" for name, lost in sorted(self._counts.items()))
        everywhere = set(self._counts) == set(evidence.addresses) and all(self._counts.values())
        return witness.witness(everywhere, f"packets lost: {value or 'none'}")


class PacketLoss(Drill):
    """TCP and Corosync send again what was lost: clients wait for it, and nothing else happens."""

    name = "packet-loss"
    gap = LOSS_FOR  # in sum: a second or more for each lost SYN. Once it ends, nobody waits
    reader_gap = LOSS_FOR
    summary = "3 % of all packets between the nodes lost for 20 s: nothing moves, nothing fails"

    def __init__(self) -> None:
        self._loss = _Lossy()

    def inject(self, stage: Stage) -> None:
        self._loss.begin(stage)

    def follow(self, stage: Stage) -> None:
        stage.rest(LOSS_FOR)
        self._loss.count(stage)

    def undo(self, stage: Stage) -> None:
        self._loss.end(stage)

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [*super().judge(evidence), service.primary_stayed(evidence)]

    def fault(self, evidence: Evidence) -> Finding:
        return self._loss.fault(evidence)


class PacketLossSwitchover(Switchover):
    """The shutdown checkpoint and the notifications pass through a network that loses packets."""

    name = "packet-loss-switchover"
    # In sum, while packets are lost: Pacemaker hears of each action seconds late, and the change
    # takes a minute. Each wait is shorter than the hold, or a connection would fail.
    gap = 60.0
    reader_gap = 60.0
    pooled = False
    failed = 1  # one that was under way: a login with a lost packet lasts longer than the drain
    summary = "switchover while 3 % of all packets between the nodes are lost: it takes a minute"
    with_ratio = False  # a lost SYN alone takes 1 s
    deadline = 150.0

    def __init__(self, to: str | None = None) -> None:
        super().__init__(to)
        self._loss = _Lossy()

    def breaks(self, stage: Stage) -> Collection[str]:
        return stage.names

    def inject(self, stage: Stage) -> None:
        self._loss.begin(stage)
        super().inject(stage)

    def follow(self, stage: Stage) -> None:
        super().follow(stage)
        self._loss.count(stage)

    def undo(self, stage: Stage) -> None:
        try:
            self._loss.end(stage)
        finally:
            super().undo(stage)

    def fault(self, evidence: Evidence) -> Finding:
        return witness.every(super().fault(evidence), self._loss.fault(evidence))
