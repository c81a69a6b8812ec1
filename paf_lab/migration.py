"""The ways to this project: where each begins, and what it types of docs/operations.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import handbook
from .compare.faults import Fault
from .drill.stage import Stage
from .drill.target import LabTarget
from .handbook import Block
from .node import NODES
from .topology.documented import type_block

PATIENT = 3.0  # s between two restarts of HAProxy
MOVE = "Moving PostgreSQL to port 5434"


class _SamePrimary(Fault):
    def expected(self, stage: Stage, target: LabTarget) -> str:
        return stage.primary


class Typed(_SamePrimary):
    """Some of the page's blocks, one after another."""

    def __init__(self, name: str, blocks: Sequence[Block]) -> None:
        self.name = name
        self.blocks = blocks

    def inject(self, stage: Stage, target: LabTarget) -> None:
        for block in self.blocks:
            stage.say(block.intro.rpartition(". ")[2] or block.text.partition("\n")[0])
            type_block(block)


class Restart(_SamePrimary):
    """What the least of all changes costs where clients go through a HAProxy."""

    name = "restart"
    summary = "systemctl restart haproxy, on one node after another"

    def inject(self, stage: Stage, target: LabTarget) -> None:
        for node in NODES:
            stage.say("systemctl restart haproxy", node.name)
            node.run("systemctl", "restart", "haproxy")
            stage.rest(PATIENT)


class RestartPostgresql(_SamePrimary):
    """What one restart of PostgreSQL costs where clients go to PostgreSQL itself."""

    name = "restart-postgresql"
    summary = "restart of PostgreSQL, on one node after another"

    def inject(self, stage: Stage, target: LabTarget) -> None:
        stage.say("restart PostgreSQL on every node")
        target.topology.restart()


MEASURES = (Restart.name, RestartPostgresql.name)
"""What a migration is measured by."""


@dataclass(frozen=True)
class Way:
    """start: the topology. sections: of the page, in the order of typing. measure: what comes
    before the migration, to compare it with. copies: the nodes without an instance at the start.
    """

    start: str
    sections: tuple[str, ...]
    measure: Fault
    copies: tuple[str, ...] = ()
    removal: bool = True
    """Whether the last block takes away what clients used before, so that they have changed."""

    @property
    def direct(self) -> bool:
        """Whether clients went to PostgreSQL's own port, which is refused while it moves."""
        return self.measure.name == RestartPostgresql.name

    def blocks(self) -> list[Block]:
        """Returns all that is typed, in order. Raises KeyError if the page lacks a section."""
        found: dict[str, list[Block]] = {}
        for block in handbook.blocks():
            found.setdefault(block.section, []).append(block)
        return [block for section in self.sections for block in found[section]]


WAYS = {
    "state-socket": Way(
        "state-socket-5432",
        ("Migrating from the polled setup", MOVE, "Changing the clients' ports"),
        Restart(),
    ),
    "vip": Way(
        "vip-5432",
        ("Migrating from a virtual IP", MOVE, "Removing the virtual IP"),
        RestartPostgresql(),
    ),
    "instance": Way(
        "instance",
        ("Migrating a single instance", MOVE),
        RestartPostgresql(),
        copies=tuple(node.name for node in NODES[1:]),
        removal=False,
    ),
}
