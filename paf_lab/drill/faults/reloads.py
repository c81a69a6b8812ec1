"""Parameters change, and HAProxy is reloaded, in the middle of a switchover."""

from __future__ import annotations

from .. import commands, witness
from ..audits import Evidence, Finding
from ..stage import Stage
from .cluster import let_go, set_limit
from .switchover import Switchover

USUAL = 2000
"""The parameter maxconn, as it is without a drill."""
BEFORE = 1.0  # s of changes before the move
AFTER = 5.0
"""s of changes after it. If they never ended, Pacemaker would never get to the promotion."""
EVERY = 1.0  # s
MOVED_WITHIN = 60.0  # s
LEAST_CHANGES = 6
RELOADED_WITHIN = 60.0  # s


class ReloadInSwitchover(Switchover):
    """A parameter changes every second, and once more after the switchover. Each change cuts
    Pacemaker's transition off and begins another; the agent puts a reload off while clients wait
    for a primary. The last value must be in use on every node in the end.
    """

    name = "reload-in-switchover"
    failed = 3  # Pacemaker reloads HAProxy first, and its notification comes after PAF's demote
    gap = 15.0  # PAF begins anew after each transition that was cut off
    reader_gap = 4.0
    pooled = False
    summary = "parameters changed from 1 s before a switchover to 5 s after it"
    with_ratio = False
    deadline = 180.0

    def __init__(self, to: str | None = None) -> None:
        super().__init__(to)
        self._changes = 0
        self._pids: dict[str, int | None] = {}
        self._reloaded: set[str] = set()

    def expected(self, stage: Stage) -> str:
        self._pids = _pids(stage)
        return super().expected(stage)

    def inject(self, stage: Stage) -> None:
        self._change(stage)
        stage.rest(BEFORE)
        super().inject(stage)

    def _change(self, stage: Stage) -> None:
        self._changes += 1
        value = str(USUAL - self._changes)
        stage.say(f"maxconn={value}")
        words = ("--set-parameter", "maxconn", "--parameter-value", value)
        stage.anyone.run("crm_resource", "--resource", stage.settings.haproxy, *words)

    def follow(self, stage: Stage) -> None:
        for _ in range(int(AFTER / EVERY)):
            self._change(stage)
            stage.rest(EVERY)
        stage.wait(lambda: stage.unrouted(self._target), MOVED_WITHIN)
        self._change(stage)
        wanted = str(USUAL - self._changes)
        stage.wait(lambda: self._other(stage, wanted), RELOADED_WITHIN, every=1)
        now = _pids(stage)
        self._reloaded = {name for name, pid in now.items() if pid != self._pids.get(name)}
        super().follow(stage)

    @staticmethod
    def _other(stage: Stage, value: str) -> str:
        for name, node in stage.nodes.items():
            if commands.limit(node, stage.settings) != value:
                return f"HAProxy on {name} has not maxconn={value}"
        return ""

    def undo(self, stage: Stage) -> None:
        try:
            super().undo(stage)
        finally:
            set_limit(stage, str(USUAL))
            let_go(stage)

    def fault(self, evidence: Evidence) -> Finding:
        everywhere = self._reloaded == set(evidence.addresses)
        value = f"{self._changes} changes, reloaded on {len(self._reloaded)} nodes"
        changed = witness.witness(self._changes >= LEAST_CHANGES and everywhere, value)
        return witness.every(super().fault(evidence), changed)


def _pids(stage: Stage) -> dict[str, int | None]:
    return {name: commands.haproxy_pid(node, stage.settings) for name, node in stage.nodes.items()}
