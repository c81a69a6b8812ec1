"""Whether the cluster is whole after a burst. Nobody repairs anything until it is.

Two things are done for it. The cluster is started on a node that was fenced, since Pacemaker is not
started at boot. The instance of a former primary is made anew if it cannot follow the new one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterable, Mapping

from .. import health
from ..drill import cluster, commands, segments
from ..errors import LabError
from ..machine import Machine
from ..recovery import CONNECT_EVERY, HELP_AFTER, PafRecovery
from .history import ACK, WRITE, Operation
from .scene import Scene
from .schedule import PRIMARY

WITHIN = 240.0
"""s after a burst, as after the drills that take longest and end with a failover."""
OFF_FOR = 90.0
"""s after which a node that nobody has fenced is switched on."""


def lacking(scene: Scene) -> str:
    """Returns '' if the cluster is whole and at rest, or in a line why not. Failures that are on
    record do not count: Pacemaker keeps those of PAF's resource until somebody has read them.
    """
    if what := scene.not_undone():
        return f"not undone: {what}"
    try:
        node, access = scene.anyone, scene.access
        status = commands.status(node)
        why = cluster.misplaced(status, list(scene.nodes), access.pgsql_clone, access.haproxy_clone)
        if why or (why := health.healthy()):
            return why
        if left := commands.moves(node):
            return f"constraint {left[0]} is left from a move"
        return "" if commands.idle(node, status.dc) else "Pacemaker is not idle"
    except LabError as error:  # a node that is on its way down or up
        return str(error)


def tidy(scene: Scene) -> None:
    """Forgets the failures that are on record, as an administrator does after an incident. Raises
    LabError if no primary is promoted, or if PAF would not promote each standby.
    """
    scene.target.topology.forget()
    leads = scene.leader()
    if leads is None:
        raise LabError("no primary is promoted")
    # Otherwise PAF may cancel a switchover (segments.py).
    segments.use_up(scene.nodes, scene.nodes[leads], scene.access)


def former(
    roles: Mapping[str, str], operations: Iterable[Operation], addresses: Mapping[str, str]
) -> frozenset[str]:
    """Returns the nodes that were primaries in a round: at its begin, or to a client that wrote.

    addresses: address -> node.
    """
    acks = (each for each in operations if (each.kind, each.outcome) == (WRITE, ACK))
    wrote = {addresses.get(each.server or "", "") for each in acks}
    return frozenset({roles[PRIMARY], *wrote} - {""})


class SoakRecovery(PafRecovery):
    """The wait after a burst. primaries: the nodes that were primaries in it."""

    look_every = CONNECT_EVERY
    rebuild_after = 2 * HELP_AFTER

    def __init__(self, scene: Scene, primaries: Collection[str] = ()) -> None:
        super().__init__(lambda: lacking(scene), scene.rest)
        self.nodes = list(scene.nodes.values())
        self._scene = scene
        self._primaries = primaries
        self._off: dict[str, float] = {}

    def leader(self) -> str | None:
        return self._scene.leader()

    def quorum(self) -> bool:
        try:
            return commands.status(self._scene.anyone).quorum
        except LabError:
            return False

    def idle(self) -> bool:
        try:
            return health.at_rest()
        except LabError:
            return False

    def clear(self) -> None:
        """Leaves the failures that are on record: the cluster must do without."""

    def stuck(self, leads: str) -> Iterable[Machine]:
        try:
            streaming = commands.streaming(self._scene.nodes[leads], self._scene.access)
        except LabError:
            return []
        names = set(self._primaries) - {leads} - set(streaming)
        return [node for node in self.nodes if node.name in names and node.running]

    def bring_back(self, node: Machine, leads: str | None, rebuild: bool = False) -> None:
        self._scene.say(f"cluster started on {node.name}")
        if copied := self._scene.target.bring_back(node, leads, rebuild):
            self._scene.rebuilt.append(node.name)
            self._scene.say(f"instance of {node.name} copied from {copied}")

    def start_lost(self) -> None:
        with contextlib.suppress(LabError):  # a node that went down under our hands
            self._switch_on()
            super().start_lost()

    def _switch_on(self) -> None:
        for node in self.nodes:
            if node.running:
                self._off.pop(node.name, None)
            elif time.monotonic() > self._off.setdefault(node.name, time.monotonic()) + OFF_FOR:
                self._scene.say(f"{node.name} switched on: nobody has fenced it")
                node.boot()

    def help(self, waited: float) -> None:
        with contextlib.suppress(LabError):
            super().help(waited)
