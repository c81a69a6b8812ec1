"""Waiting until a cluster is whole, with what a person would do meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from . import rejoin
from .errors import LabError
from .machine import Machine

HELP_AFTER = 20.0
"""s until a person helps, and between two such times. What Pacemaker and PAF mend by themselves
comes first: PAF's monitor looks at its standbys every 15 s.
"""
PROMOTED_WITHIN = 60.0
"""s that the others may take to promote one of them before a node that was lost is started."""
LOOK_EVERY = 1.0  # s: a look costs the nodes CPU
CONNECT_EVERY = 2.0  # s: this look connects from every node as each kind of client
AFTER_CLEAR = 10.0
"""s for what a cleanup mends: Pacemaker starts a standby that had failed, and it streams."""
LEFT_LOOKS = 10
"""Times, a second apart, that the others are asked if they have done with a node that stopped."""
IDLE_LOOKS = 3
"""Times, a second apart, that Pacemaker must have nothing to do: between two transitions it seems
idle, too."""


def too_soon(node: str, leads: str | None, waited: float) -> bool:
    """Returns whether a node that was lost is not to be started yet. Pure.

    Before another node is promoted, it is not known whether the lost node's instance may follow or
    has to be made anew. leads: the node that is promoted now. waited: s so far; on machines slower
    than the lab's, that many times less.
    """
    return leads in (None, node) and waited <= PROMOTED_WITHIN


class Recovery:
    """One wait. A subclass knows what a person would do; this class only looks.

    lacking: returns '' if the cluster is whole, or in a line why not. rest: lets so many s pass on
    machines like the lab's. slowness: how many times slower the machines are than the lab's.
    """

    name = "the cluster"
    look_every = LOOK_EVERY

    def __init__(
        self,
        lacking: Callable[[], str],
        rest: Callable[[float], object] = time.sleep,
        slowness: float = 1.0,
    ) -> None:
        self.lacking = lacking
        self.rest = rest
        self.slowness = slowness

    def start_lost(self) -> None:
        """Starts the cluster on the nodes on which it does not run; called before each look."""

    def at_rest(self) -> bool:
        """Returns whether the cluster manager has nothing to do, so that help is no hindrance."""
        return True

    def help(self, waited: float) -> None:
        """Does what a person would do. waited: s so far."""

    def await_whole(self, within: float, help_after: float = HELP_AFTER) -> None:
        """Returns once the cluster is whole. Raises LabError with what it lacks after `within` s.

        help_after: s until help, and between two times. All times are those of the lab's machines.
        """
        start = helped = time.monotonic()
        while True:
            self.start_lost()
            if not (why := self.lacking()):
                return
            waited = (time.monotonic() - start) / self.slowness
            if waited > within:
                seconds = within * self.slowness
                raise LabError(f"{self.name} is not whole after {seconds:g} s: {why}")
            if time.monotonic() > helped + help_after * self.slowness and self.at_rest():
                self.help(waited)
                helped = time.monotonic()
            self.rest(self.look_every)


class PafRecovery(Recovery):
    """A node on which the cluster does not run is brought back, failures that Pacemaker has on
    record are cleared, and a standby that does not stream is made anew, once.

    The last two only while Pacemaker is at rest: a failed stop that is forgotten before its node is
    fenced leaves two primaries.
    """

    nodes: Sequence[Machine] = ()
    rebuild_after = 0.0  # s

    def __init__(
        self,
        lacking: Callable[[], str],
        rest: Callable[[float], object] = time.sleep,
        slowness: float = 1.0,
    ) -> None:
        super().__init__(lacking, rest, slowness)
        self._lost: dict[str, float] = {}
        self._rebuilt: set[str] = set()

    def leader(self) -> str | None:
        """Returns the node that is promoted now; None also if nothing can be asked."""
        raise NotImplementedError

    def quorum(self) -> bool:
        """Returns whether the other nodes could promote one of them."""
        return True

    def idle(self) -> bool:
        """Returns whether Pacemaker has nothing to do now; False also if nothing can be asked."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forgets failures: they keep resources off their nodes."""
        raise NotImplementedError

    def stuck(self, leads: str) -> Iterable[Machine]:
        """Returns the nodes whose standby could stream from the primary, but does not."""
        raise NotImplementedError

    def take_out(self, node: Machine) -> None:
        """Stops the cluster on a node."""
        node.run("systemctl", "stop", "pacemaker", "corosync", timeout=120)

    def bring_back(self, node: Machine, leads: str | None, rebuild: bool = False) -> None:
        """Starts the cluster on a node, with its instance made anew if that one was a primary."""
        raise NotImplementedError

    def start_lost(self) -> None:
        for node in self.nodes:
            if not rejoin.absent(node):
                self._lost.pop(node.name, None)
            elif self._due(node.name):
                self.bring_back(node, self.leader())

    def _due(self, name: str) -> bool:
        since = self._lost.setdefault(name, time.monotonic())
        waited = (time.monotonic() - since) / self.slowness
        return not (self.quorum() and too_soon(name, self.leader(), waited))

    def at_rest(self) -> bool:
        for number in range(IDLE_LOOKS):
            if number:
                self.rest(1)
            if not self.idle():
                return False
        return True

    def _await_left(self) -> None:
        """Waits until the others have finished the stop of a node, or goes on after a while. A node
        that is back before is told to end (traps/lab.md, "A stopped node must not be back too
        soon").
        """
        for _ in range(LEFT_LOOKS):
            if self.at_rest():
                return
            self.rest(1)

    def help(self, waited: float) -> None:
        leads = self.leader()  # asked first: after a cleanup, Pacemaker looks for it anew
        self.clear()
        self.rest(AFTER_CLEAR)
        if leads is None or waited < self.rebuild_after:
            return
        for node in self.stuck(leads):
            if node.name not in self._rebuilt:
                self._rebuilt.add(node.name)
                self.take_out(node)
                self._await_left()
                # Not asked again: the DC may have left with the node, and no node is sure then.
                self.bring_back(node, leads, rebuild=True)
