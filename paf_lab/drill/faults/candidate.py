"""The node that becomes primary has no HAProxy, and cannot start one."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from .. import commands, service, witness
from ..audits import Evidence, Finding
from ..records import PRIMARY, UP
from ..stage import Stage
from .combined import PROGRAM
from .switchover import Switchover

SILENT_WITHIN = 10.0  # s
SCORED = 16.0
"""s: PAF's monitor sets the scores of the standbys every 15 s. Without them it promotes nobody."""


class CandidateWithoutHaproxy(Switchover):
    """Pacemaker may promote PostgreSQL on a node on which HAProxy is not promoted: HAProxy must
    never hold PostgreSQL back. The HAProxys of the other nodes lead there by Pacemaker's word and
    the plain check. Then the primary moves on, to a node that has a HAProxy.

    Clients of the candidate's node have no HAProxy, which is not counted against them.
    """

    name = "candidate-without-haproxy"
    gap = 12.0  # two switchovers
    pooled = False
    clearings = 2  # its start failed, and Pacemaker does not try again for 30 s
    failed = 1  # nobody on the candidate's node tells that its PostgreSQL stops
    stray_reads = 3
    summary = "switchover to a node whose HAProxy cannot start, and away from it"
    with_ratio = False
    deadline = 150.0

    def __init__(self, to: str | None = None) -> None:
        super().__init__(to)
        self._candidate = ""

    def expected(self, stage: Stage) -> str:
        self._candidate = super().expected(stage)
        left = [name for name in stage.names if name not in (stage.primary, self._candidate)]
        if not left:
            raise LabError(f"{self.name} needs three nodes")
        self._target = left[0]
        return self._target

    def breaks(self, stage: Stage) -> Collection[str]:
        return (self._candidate or stage.primary,)

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[self._candidate]
        pid = commands.haproxy_pid(node, stage.settings)
        stage.leaves(node.name)
        stage.say(f"{PROGRAM} is not executable, kill -9 {pid}", node.name)
        node.run("sh", "-c", f"chmod a-x {PROGRAM}; kill -9 {pid}")
        silent = lambda: "" if stage.fell_silent(node.name) else "HAProxy still answers"  # noqa: E731
        stage.wait(silent, within=SILENT_WITHIN)
        self._move(stage, self._candidate)

    def _move(self, stage: Stage, to: str) -> None:
        stage.say(f"ask Pacemaker to move the primary to {to}")
        commands.move(stage.anyone, stage.settings.pgsql_clone, to)

    def follow(self, stage: Stage) -> None:
        stage.wait(lambda: self._unrouted(stage))
        stage.rest(SCORED)
        # The constraint of this move takes the place of the one before.
        self._move(stage, self._target)
        stage.wait(lambda: self._not_led(stage, self._target))

    def _unrouted(self, stage: Stage) -> str:
        """Returns what the nodes with a HAProxy lack for the candidate to be their primary."""
        if stage.roles.get(self._candidate) != PRIMARY:
            return f"PostgreSQL on {self._candidate} is {stage.roles.get(self._candidate)}"
        return self._not_led(stage, self._candidate)

    def _not_led(self, stage: Stage, to: str) -> str:
        for name in stage.names:
            led = (stage.servers.get(name) or {}).get(f"prod/{to}") == UP
            if name != self._candidate and not led:
                return f"HAProxy on {name} does not lead to {to}"
        return ""

    def undo(self, stage: Stage) -> None:
        try:
            stage.nodes[self._candidate].run("chmod", "a+x", PROGRAM)
            stage.clear_failures(stage.settings.haproxy)
        finally:
            # PAF has set the scores by now, or the move has failed.
            super().undo(stage)

    def fault(self, evidence: Evidence) -> Finding:
        """The candidate was primary while its HAProxy was away."""
        name = self._candidate
        away = service.haproxy_away(evidence, name) if name else None
        since, until = away or (0.0, 0.0)
        while_away = any(
            role.node == name and role.role == PRIMARY and since <= role.at <= until
            for role in evidence.seen.roles
        )
        text = "primary without a HAProxy" if while_away else "never primary without a HAProxy"
        found = witness.witness(while_away, f"{name or 'no candidate'}: {text}")
        return witness.every(super().fault(evidence), found)
