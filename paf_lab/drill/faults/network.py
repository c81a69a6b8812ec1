"""The network fails: a node is cut off, hears but is not heard, or loses one port."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from ...machine import Machine
from .. import service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage

CUT_FOR = 10.0  # s
QUORUM_LOST_FOR = 20.0  # s
UNHEARD = "other nodes that do not answer"
UNREACHABLE = "port 5434 of the primary's node does not answer"
REACHABLE = "port 5434 of the primary's node answers"


def hears(stage: Stage, name: str, other: str) -> bool:
    """Returns whether a node gets an answer from another."""
    words = ("timeout", "1", "ncat", "-z", "-w", "1", other, "22345")
    said = stage.nodes[name].run(*words, check=False).stderr
    return "refused" in said


def must_not_hear(stage: Stage, name: str, other: str) -> None:
    if hears(stage, name, other):
        raise LabError(f"{name} still hears {other}")
    stage.saw(UNHEARD, name)


def port_rule(node: Machine, verb: str, address: str, port: int | str) -> None:
    """Lets a node send nothing to a port of an address (verb add), or lets it again (del)."""
    where = ("to", address, "ipproto", "tcp", "dport", str(port), "blackhole")
    node.ip("rule", verb, "pref", "10", *where, check=verb == "add")


class Isolate(Drill):
    """The primary's node is alone: the others fence it and promote; it must not acknowledge a write
    meanwhile.
    """

    name = "isolate"
    repairs = 1
    gap = 25.0
    summary = "primary's node cut off from the others: never a write accepted on both sides"
    moves = True
    fencings = 1
    failed = 1  # one that was under way
    deadline = 180.0

    def breaks(self, stage: Stage) -> Collection[str]:
        return (stage.primary,)

    def inject(self, stage: Stage) -> None:
        stage.out_of_touch = {stage.primary}
        stage.say("pull the network cable", stage.primary)
        stage.nodes[stage.primary].cut_off()
        for other in stage.names:
            if other != stage.primary:
                must_not_hear(stage, stage.primary, other)

    def follow(self, stage: Stage) -> None:
        stage.wait(lambda: "" if stage.primary in stage.died else "nobody was fenced", within=60)

    def undo(self, stage: Stage) -> None:
        stage.nodes[stage.primary].plug_in()
        stage.out_of_touch = set()

    def fault(self, evidence: Evidence) -> Finding:
        here, others = evidence.primary, len(evidence.addresses) - 1
        return witness.every(
            witness.sighted(evidence, UNHEARD, (here,), others), witness.rebooted(evidence, here)
        )


class OneWay(Drill):
    """The primary's node hears the others, and they do not hear it."""

    name = "one-way"
    repairs = 1
    gap = 25.0
    summary = "packets from the primary's node to the others are lost, not those to it"
    moves = None
    fencings = 2
    failed = 1  # one that was under way
    deadline = 180.0

    def breaks(self, stage: Stage) -> Collection[str]:
        return (stage.primary,)

    def _routes(self, stage: Stage, verb: str) -> None:
        for other in stage.names:
            if other != stage.primary:
                words = ("route", verb, "blackhole", f"{stage.addresses[other]}/32")
                stage.nodes[stage.primary].ip(*words, check=verb == "add")

    def inject(self, stage: Stage) -> None:
        stage.out_of_touch = {stage.primary}
        stage.say("lose every packet to the other nodes", stage.primary)
        self._routes(stage, "add")
        for other in stage.names:
            if other != stage.primary:
                must_not_hear(stage, stage.primary, other)

    def follow(self, stage: Stage) -> None:
        stage.rest(CUT_FOR)

    def undo(self, stage: Stage) -> None:
        self._routes(stage, "del")
        stage.out_of_touch = set()

    def fault(self, evidence: Evidence) -> Finding:
        others = len(evidence.addresses) - 1
        return witness.sighted(evidence, UNHEARD, (evidence.primary,), others)


class PortCut(Drill):
    """One standby's node cannot reach PostgreSQL on the primary's. Its clients wait, nobody else
    notices, and nothing moves.
    """

    name = "port-cut"
    gap = 25.0
    summary = "PostgreSQL's port alone cut between a standby's node and the primary's"
    failed = 1

    def __init__(self) -> None:
        self._victim = ""

    def expected(self, stage: Stage) -> str | None:
        self._victim = next(name for name in sorted(stage.names) if name != stage.primary)
        return super().expected(stage)

    def _rule(self, stage: Stage, verb: str) -> None:
        address = stage.addresses[stage.primary]
        port_rule(stage.nodes[self._victim], verb, address, stage.settings.pgport)

    def inject(self, stage: Stage) -> None:
        self._probe(stage)
        stage.say(f"cut off port 5434 of {stage.primary}", self._victim)
        self._rule(stage, "add")
        if self._probe(stage):
            raise LabError(f"{self._victim} still reaches port 5434 of {stage.primary}")

    def _probe(self, stage: Stage) -> bool:
        """Returns whether the port answers now, and notes it."""
        words = ("timeout", "2", "ncat", "-z", "-w", "1", stage.primary, "5434")
        answers = stage.nodes[self._victim].run(*words, check=False).returncode == 0
        stage.saw(REACHABLE if answers else UNREACHABLE, self._victim)
        return answers

    def follow(self, stage: Stage) -> None:
        stage.rest(CUT_FOR)
        self._probe(stage)

    def undo(self, stage: Stage) -> None:
        self._rule(stage, "del")

    def fault(self, evidence: Evidence) -> Finding:
        """It answered before the cut, and did not at the beginning and at the end of the cut."""
        here = (self._victim,)
        return witness.every(
            witness.sighted(evidence, REACHABLE, here),
            witness.sighted(evidence, UNREACHABLE, here, least=2),
            witness.disturbed(evidence, self._victim, CUT_FOR / 2),
        )

    def judge(self, evidence: Evidence) -> list[Finding]:
        others = frozenset(evidence.addresses) - {self._victim}
        return [
            *super().judge(evidence),
            service.primary_stayed(evidence),
            service.undisturbed(evidence, others),
        ]


class QuorumLost(Drill):
    """Every node is alone: nobody may serve, and nobody may fence."""

    name = "quorum-lost"
    repairs = 2
    gap = 60.0
    reader_gap = 60.0
    summary = "all three nodes cut off from one another, then together again"
    moves = None
    fencings = 3
    failed = None
    deadline = 240.0

    def inject(self, stage: Stage) -> None:
        stage.say("pull all network cables")
        # The primary's first: a row that one standby alone has acknowledged may be lost when all
        # instances start again (docs/traps/paf.md, "PAF compares standbys by nothing when all
        # have just started").
        for name in sorted(stage.names, key=lambda name: name != stage.primary):
            stage.nodes[name].cut_off()
        for name in stage.names:
            must_not_hear(stage, name, next(each for each in stage.names if each != name))

    def follow(self, stage: Stage) -> None:
        def primaries() -> str:
            found = [name for name, role in stage.roles.items() if role == "primary"]
            return f"PostgreSQL on {found[0]} is still a primary" if found else ""

        stage.wait(primaries, within=60)
        stage.rest(QUORUM_LOST_FOR / 2)

    def undo(self, stage: Stage) -> None:
        stage.say("plug them in")
        for name in stage.names:
            stage.nodes[name].plug_in()

    def fault(self, evidence: Evidence) -> Finding:
        return witness.every(
            witness.sighted(evidence, UNHEARD, set(evidence.addresses)),
            witness.no_primary(evidence),
        )
