"""What drills and trials are performed on: the lab, or the machines of an inventory."""

from __future__ import annotations

import functools
import time
import xml.etree.ElementTree as ET  # of what Pacemaker's tools print on our own nodes (S314)
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from .. import lifecycle, power, rejoin, topology
from ..errors import LabError
from ..machine import Machine
from ..node import NODES, named
from ..remote import Remote
from ..topology import Topology
from .settings import Settings

REPAIR_WITHIN = 180.0  # s
REPAIR_AFTER = 5.0
"""s until a person helps after a drill that failed: nothing is judged any more."""
CLOCK_BAR = 0.05
"""s that a machine's clock may be off beyond what the question itself takes."""
OURS = topology.named(topology.DEFAULT)


class Target(Protocol):
    """A cluster that stands. nodes: those with PostgreSQL. settings: the way to it, and the pace of
    what runs there.
    """

    nodes: Sequence[Machine]
    settings: Settings

    def allow(self, drill: str, broken: Collection[str], lab_only: bool) -> None:
        """Raises LabError unless the drill may break these nodes."""

    def check(self) -> None:
        """Raises LabError if nothing that is measured here could be trusted."""

    def fencings(self, since: float, witness: Machine) -> int:
        """Returns how many nodes were fenced since then (s of the epoch)."""

    def bring_back(self, node: Machine, leads: str | None, rebuild: bool = False) -> str:
        """Starts the cluster on a node that was lost, its instance made anew where that is needed.
        Returns the node that it was copied from, or ''.
        """

    def repair(self) -> None:
        """Makes the cluster whole after a drill that failed. Raises LabError if it cannot."""


class LabTarget:
    """The lab's containers: everything may be broken, and is mended.

    what: the topology as which the lab was built. `fencings` and `bring_back` are for those with
    Pacemaker.
    """

    def __init__(self, what: Topology = OURS) -> None:
        self.topology = what
        self.nodes: Sequence[Machine] = NODES
        self.settings = Settings.of(what.access, what.kinds)

    def allow(self, drill: str, broken: Collection[str], lab_only: bool) -> None:
        pass

    def check(self) -> None:
        # Their clock is one.
        if not any(node.running for node in NODES):
            raise LabError("the lab is down: lab up")
        # Documented is ours, too.
        if not isinstance(topology.named(name := lifecycle.built()), type(self.topology)):
            raise LabError(f"the lab is up as {name}: lab compare drills that, or lab down first")

    def fencings(self, since: float, witness: Machine) -> int:
        return len(power.fencings(since))

    def bring_back(self, node: Machine, leads: str | None, rebuild: bool = False) -> str:
        return rejoin.bring_back(named(node.name), leads, rebuild)

    def repair(self) -> None:
        self.topology.await_whole(REPAIR_WITHIN, REPAIR_AFTER)


class RemoteTarget:
    """Machines behind ssh: broken is only what somebody has agreed to."""

    def __init__(
        self, machines: Sequence[Remote], settings: Settings, breakable: Collection[str]
    ) -> None:
        self.nodes: Sequence[Machine] = machines
        self.settings = settings
        self._breakable = frozenset(breakable)
        if strangers := self._breakable - {each.name for each in machines}:
            raise LabError(f"--yes-break {min(strangers)}: the inventory has no such node")

    def allow(self, drill: str, broken: Collection[str], lab_only: bool) -> None:
        if lab_only:
            raise LabError(f"{drill} needs what only the lab has: leave --inventory out")
        if missing := sorted(set(broken) - self._breakable):
            agree = " ".join(f"--yes-break {name}" for name in missing)
            raise LabError(f"{drill} breaks {' and '.join(missing)}: if that is meant, say {agree}")

    def check(self) -> None:
        for node in self.nodes:
            node.run("true")  # the connection itself takes its time
            before = time.time()
            there = float(node.run("date", "+%s.%N").stdout)
            after = time.time()
            off = max(before - there, there - after)
            if off > CLOCK_BAR:
                raise LabError(
                    f"{node.name}: its clock is {off:.2f} s off: the audits compare times of"
                    " several machines, let chrony run on all of them"
                )

    def fencings(self, since: float, witness: Machine) -> int:
        words = ("stonith_admin", "--history", "*", "--output-as=xml")
        root = ET.fromstring(witness.run(*words).stdout)  # noqa: S314
        ended = [
            each.get("completed", "").replace("Z", "+00:00")  # Python 3.9 knows no Z
            for each in root.iter("fence_event")
            if each.get("status") == "success" and each.get("action") in ("off", "reboot")
        ]
        return sum(datetime.fromisoformat(when).timestamp() >= int(since) for when in ended)

    def bring_back(self, node: Machine, leads: str | None, rebuild: bool = False) -> str:
        control = (f"{self.settings.bindir}/pg_controldata", self.settings.pgdata)
        anew = functools.partial(self._rebuild, node)
        return rejoin.rejoin(node, leads, rebuild, control, anew)

    def _rebuild(self, node: Machine, leads: str) -> None:
        command = self.settings.rebuild
        if not command:
            raise LabError(
                f"{node.name}: its instance cannot follow {leads} as it is: make it anew and start"
                " the cluster there, or give the inventory a command, cluster.rebuild"
            )
        node.run("sh", "-c", f"PRIMARY={leads}; {command}", timeout=3600)

    def repair(self) -> None:
        pass  # the next drill sees whether it is whole
