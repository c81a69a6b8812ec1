"""HAProxy has too little memory, or too little CPU time."""

from __future__ import annotations

from collections.abc import Collection

from ... import confine, container
from ...confine import Cell
from ...errors import LabError
from .. import commands, witness
from ..audits import Evidence, Finding
from ..stage import Stage
from .haproxy import KillHaproxy
from .switchover import Switchover

ONE_PAGE = 4096
"""bytes, a limit that the next connection exceeds: only what is asked for after the process has
been moved counts."""
KILLED_WITHIN = 20.0  # s
SHARE = 0.05
"""Of one core. HAProxy's worker needs about twice that for the clients of a node."""
THROTTLED = 10
"""Periods of 0.1 s in which it had to wait for the next."""


def worker(stage: Stage, name: str) -> int:
    """Returns the pid, as the host sees it, of the HAProxy that serves on a node. Its master is in
    the group of the unit, where it starts the next one. Raises LabError if there is none.
    """
    inside = commands.haproxy_pid(stage.nodes[name], stage.settings)
    pid = None if inside is None else container.host_pid(name, inside)
    if pid is None:
        raise LabError(f"HAProxy on {name} does not tell its pid")
    return pid


class OomHaproxy(KillHaproxy):
    """The kernel kills the worker in the middle of a request for memory. The master ends with it,
    and systemd starts both again.
    """

    name = "oom-haproxy"
    summary = "HAProxy on the primary's node exceeds its memory: the kernel kills it, it is back"
    lab_only = True

    def __init__(self) -> None:
        super().__init__()
        self._cell: Cell | None = None
        self._kills = 0

    def inject(self, stage: Stage) -> None:
        pid = worker(stage, self._victim)
        stage.say(f"no more memory for {pid}, the HAProxy", self._victim)
        self._cell = confine.memory(pid, ONE_PAGE)

    def follow(self, stage: Stage) -> None:
        here = self._victim
        stage.wait(
            lambda: "" if stage.fell_silent(here) else "HAProxy still answers", KILLED_WITHIN
        )
        if self._cell is not None:
            self._kills = self._cell.count("oom_kill")
        stage.wait(lambda: stage.unrouted(stage.primary))

    def undo(self, stage: Stage) -> None:
        try:
            if self._cell is not None:
                self._cell.release()
        finally:
            super().undo(stage)

    def fault(self, evidence: Evidence) -> Finding:
        killed = witness.witness(self._kills > 0, f"{self._kills} kills for lack of memory")
        return witness.every(super().fault(evidence), killed)


class StarvedHaproxy(Switchover):
    """The candidate's HAProxy gets 5 ms of CPU time in each 100 ms. It tells the others late that
    its node is primary, and serves its own clients late; none may fail.
    """

    name = "starved-haproxy"
    gap = 12.0
    reader_gap = 8.0
    pooled = False
    summary = "switchover to a node whose HAProxy has 5 % of a core: late, and nothing fails"
    lab_only = True
    with_ratio = False  # the connections of a whole node wait for its HAProxy
    deadline = 150.0

    def __init__(self, to: str | None = None) -> None:
        super().__init__(to)
        self._cell: Cell | None = None
        self._throttled = 0

    def breaks(self, stage: Stage) -> Collection[str]:
        return (self._target or stage.primary,)

    def inject(self, stage: Stage) -> None:
        pid = worker(stage, self._target)
        stage.say(f"{SHARE:.0%} of a core for {pid}, the HAProxy", self._target)
        self._cell = confine.cpu(pid, SHARE)
        super().inject(stage)

    def follow(self, stage: Stage) -> None:
        super().follow(stage)
        if self._cell is not None:
            self._throttled = self._cell.count("nr_throttled")

    def undo(self, stage: Stage) -> None:
        try:
            if self._cell is not None:
                self._cell.release()
        finally:
            super().undo(stage)

    def fault(self, evidence: Evidence) -> Finding:
        value = f"waited for CPU time in {self._throttled} periods of 0.1 s"
        starved = witness.witness(self._throttled >= THROTTLED, value)
        return witness.every(super().fault(evidence), starved)
