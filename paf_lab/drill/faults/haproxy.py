"""HAProxy dies, hangs, or cannot start."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from .. import commands, facts, service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..settings import Bars
from ..stage import Stage

TEMPLATE = "/usr/share/paf-haproxy/templates/haproxy.cfg.j2"
CONFIGURATION = "/run/paf-haproxy/haproxy.cfg"
STOPPED = "stopped by SIGSTOP"
LEAST_HUNG = 2.0  # s: the monitor waits longer before it acts
BOGUS = "global bogus"
BROKEN = "files that end with the wrong line"
BROKEN_FOR = 15.0  # s
REPORTED_WITHIN = 15.0  # s: some monitors


class KillHaproxy(Drill):
    """It must be back within its monitor's interval plus 2 s, and PostgreSQL must not notice."""

    name = "kill-haproxy"
    gap = 6.0
    reader_gap = 6.0
    summary = "kill -9 of HAProxy on the primary's node: back soon, PostgreSQL stays"
    signal = "KILL"
    program = facts.WORKER
    """What gets the signal, by its name in facts.py."""
    role = "Promoted"
    failed = None  # the node's own clients are refused

    def __init__(self) -> None:
        self.bars = Bars()
        self._interval = 0.0
        self._victim = ""

    def victim(self, stage: Stage) -> str:
        return stage.primary

    def expected(self, stage: Stage) -> str:
        node, resource = stage.anyone, stage.settings.haproxy
        interval = commands.monitor_interval(node, resource, self.role)
        if not interval:
            raise LabError(f"resource {resource} has no monitor for its role {self.role}")
        self.bars = stage.settings.bars
        self._interval = interval
        self._victim = self.victim(stage)
        return stage.primary

    def breaks(self, stage: Stage) -> Collection[str]:
        return (self._victim,)

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[self._victim]
        pid = self.process(stage)
        if pid is None:
            raise LabError(f"HAProxy on {node.name} does not tell its pid")
        stage.say(f"SIG{self.signal} to {pid}, the HAProxy", node.name)
        node.run("kill", f"-{self.signal}", str(pid))

    def process(self, stage: Stage) -> int | None:
        """Returns the pid of the process that gets the signal."""
        return commands.haproxy_pid(stage.nodes[self._victim], stage.settings)

    def follow(self, stage: Stage) -> None:
        here = self._victim
        stage.wait(lambda: "" if stage.fell_silent(here) else "HAProxy still answers", within=5)
        stage.wait(lambda: stage.unrouted(stage.primary))

    def undo(self, stage: Stage) -> None:
        stage.clear_failures(stage.settings.haproxy)

    def fault(self, evidence: Evidence) -> Finding:
        victim = self._victim or evidence.primary
        return witness.every(
            witness.replaced(evidence, self.program, victim), witness.silent(evidence, victim)
        )

    def judge(self, evidence: Evidence) -> list[Finding]:
        victim = self._victim or evidence.primary
        others = frozenset(evidence.addresses) - {victim}
        return [
            *super().judge(evidence),
            service.primary_stayed(evidence),
            service.haproxy_back(evidence, victim, self._within()),
            service.undisturbed(evidence, others),
        ]

    def _within(self) -> float:
        return self._interval + self.bars.haproxy_back


class KillHaproxyMaster(KillHaproxy):
    """Its worker ends with it; systemd starts both again."""

    name = "kill-haproxy-master"
    gap = 6.0
    summary = "kill -9 of HAProxy's master process on the primary's node"
    program = facts.HAPROXY

    def process(self, stage: Stage) -> int | None:
        return commands.haproxy_master(stage.nodes[self._victim])


class KillHaproxyStandby(KillHaproxy):
    name = "kill-haproxy-standby"
    summary = "kill -9 of HAProxy on a standby's node"
    role = "Unpromoted"

    def victim(self, stage: Stage) -> str:
        return next(name for name in sorted(stage.names) if name != stage.primary)


class StopHaproxy(KillHaproxy):
    """It hangs: its ports take connections and say nothing. The monitor's patience comes on top."""

    name = "stop-haproxy"
    gap = 25.0
    reader_gap = 25.0
    summary = "SIGSTOP of HAProxy on the primary's node: found by asking it, and restarted"
    signal = "STOP"

    def inject(self, stage: Stage) -> None:
        node, pid = stage.nodes[self._victim], self.process(stage)
        super().inject(stage)
        if pid is not None and commands.stopped(node, pid):
            stage.saw(STOPPED, node.name)

    def fault(self, evidence: Evidence) -> Finding:
        victim = self._victim or evidence.primary
        return witness.every(
            witness.sighted(evidence, STOPPED, (victim,)),
            witness.silent(evidence, victim, LEAST_HUNG),
        )

    def _within(self) -> float:
        return super()._within() + HUNG


class StopHaproxyStandby(StopHaproxy):
    name = "stop-haproxy-standby"
    gap = 25.0
    reader_gap = 25.0
    summary = "SIGSTOP of HAProxy on a standby's node"
    role = "Unpromoted"

    def victim(self, stage: Stage) -> str:
        return next(name for name in sorted(stage.names) if name != stage.primary)


HUNG = 5.0
"""s: the monitor waits 3 s for an answer, and the stop 1 s more before it kills."""


class BrokenTemplate(KillHaproxy):
    """On the primary's node the configuration and its template are broken, and HAProxy is killed.
    It must come back with the last valid configuration and say so; no other node must notice.
    """

    name = "broken-template"
    gap = 6.0
    reader_gap = 6.0
    summary = "template and haproxy.cfg broken on the primary's node: the last valid one serves"

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[self._victim]
        stage.say("break haproxy.cfg and its template", node.name)
        node.run("cp", "-p", TEMPLATE, "/root/haproxy.cfg.j2")
        # And what was made of it, with which the monitor would start it anew.
        node.run("sh", "-c", f"echo '{BOGUS}' | tee -a {TEMPLATE} >>{CONFIGURATION}")
        for file in (TEMPLATE, CONFIGURATION):
            if node.run("tail", "-n", "1", file).stdout.strip() == BOGUS:
                stage.saw(BROKEN, node.name)
        super().inject(stage)

    def follow(self, stage: Stage) -> None:
        super().follow(stage)
        node = stage.nodes[self._victim]

        def silent() -> str:
            return "" if commands.rejection(node) else f"{node.name} reports no rejection"

        stage.wait(silent, within=REPORTED_WITHIN)
        stage.say(f"reported: {commands.rejection(node)}", node.name)
        stage.rest(BROKEN_FOR)

    def undo(self, stage: Stage) -> None:
        node = stage.nodes[self._victim]
        node.run("sh", "-c", f"[ ! -e /root/haproxy.cfg.j2 ] || mv /root/haproxy.cfg.j2 {TEMPLATE}")
        stage.say("mend the template", node.name)
        super().undo(stage)

    def fault(self, evidence: Evidence) -> Finding:
        victim = self._victim or evidence.primary
        return witness.every(
            witness.sighted(evidence, BROKEN, (victim,), least=2), super().fault(evidence)
        )

    def _within(self) -> float:
        return super()._within() + HUNG
