"""A switchover with PgBouncer in trouble, or with transactions that it does not wait for."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Collection

from ...access import POOLED_KINDS
from ...errors import LabError
from ...machine import Machine
from .. import commands, facts, witness
from ..audits import Evidence, Finding
from ..stage import Stage
from .switchover import Switchover

ASK = """. /root/paf-haproxy.env
PGPASSWORD=$APP_PASSWORD exec psql -XqAt -h 127.0.0.1 -p 6432 -U app -c "$1" app"""
"""Asks through the PgBouncer of a node."""
MINUTE = "SELECT pg_sleep(60)"
THERE = """SELECT count(*) FROM pg_stat_activity
WHERE state = 'active' AND query = 'SELECT pg_sleep(60)';"""
BEGIN_WITHIN = 20.0  # s
LONG = "transactions of 60 s that are open"
OUT_OF_ORDER = "PgBouncer stopped or hung"
KILLED = "PgBouncer killed at RECONNECT"
WORKS_WITHIN = 30.0  # s
# PgBouncer logs the command before it carries it out.
KILL = """timeout 25 journalctl --follow --lines=0 --output=cat --identifier=pgbouncer |
grep --max-count=1 RECONNECT && kill -9 $(pidof pgbouncer)"""


def ask(node: Machine, question: str) -> str:
    return node.run("sh", "-c", ASK, "sh", question, check=False, timeout=40).stdout.strip()


class SlowTransactions(Switchover):
    name = "slow-transactions"
    gap = 6.0
    summary = "switchover with transactions of 0.3 s through PgBouncer: none fails"
    lab_only = True
    transaction = 0.3  # less than pooler_wait, and more than PAF takes to stop PostgreSQL
    with_ratio = False  # they are waited for

    def fault(self, evidence: Evidence) -> Finding:
        found = [
            each
            for each in evidence.seen.attempts
            if each.kind in POOLED_KINDS
            and each.end >= evidence.started
            and each.end - each.start >= self.transaction
        ]
        value = f"{len(found)} transactions of {self.transaction:g} s or more"
        return witness.every(super().fault(evidence), witness.witness(bool(found), value))


class LongTransactions(Switchover):
    name = "long-transactions"
    gap = 8.0
    summary = "switchover with a transaction of 60 s on each node: these fail, and no others"
    lab_only = True
    with_ratio = False  # it is waited for them

    def __init__(self) -> None:
        super().__init__()
        self._clients: dict[str, subprocess.Popen[str]] = {}
        self._said: dict[str, str] = {}

    def prepare(self, stage: Stage) -> None:
        for name, node in stage.nodes.items():
            stage.say(f"{MINUTE} through PgBouncer", name)
            pipe = subprocess.PIPE
            self._clients[name] = node.popen(
                "sh", "-c", ASK, "sh", MINUTE, stdin=pipe, stdout=pipe, stderr=pipe
            )
        stage.wait(lambda: self._missing(stage), BEGIN_WITHIN)
        stage.saw(LONG, stage.primary, len(self._clients))

    def _missing(self, stage: Stage) -> str:
        """Returns how many of the transactions the primary does not have; '' if it has all."""
        there = commands.psql(stage.nodes[stage.primary], stage.settings, THERE).strip()
        fine = there == str(len(self._clients))
        return "" if fine else f"{there} of {len(self._clients)} transactions are open"

    def undo(self, stage: Stage) -> None:
        super().undo(stage)
        for name, client in self._clients.items():
            self._said[name] = client.communicate(timeout=70)[1]

    def fault(self, evidence: Evidence) -> Finding:
        wanted = len(evidence.addresses)
        return witness.every(
            witness.prepared(evidence, LONG, evidence.primary, wanted), super().fault(evidence)
        )

    def judge(self, evidence: Evidence) -> list[Finding]:
        failed = sum(bool(client.returncode) for client in self._clients.values())
        name, wanted = "transactions of 60 s that failed", len(self._clients)
        said = "; ".join(f"{name}: {text.strip()}" for name, text in self._said.items())
        found = Finding(name, failed == wanted, f"{failed} of {wanted}", "all", said)
        return [*super().judge(evidence), found]


class PoolerFaults(Switchover):
    """Stopped on one node, hung on another, killed at RECONNECT on the third."""

    name = "pooler-faults"
    gap = 8.0
    summary = "switchover with PgBouncer stopped, hung and killed: it completes, nothing to repair"
    lab_only = True
    pooled = False
    with_ratio = False  # pooler_wait is over before it goes on

    def __init__(self) -> None:
        super().__init__()
        self._killer: subprocess.Popen[str] | None = None

    def breaks(self, stage: Stage) -> Collection[str]:
        return stage.names

    def prepare(self, stage: Stage) -> None:
        stopped, hung, killed = (stage.nodes[name] for name in stage.names)
        stage.say("PgBouncer is stopped", stopped.name)
        stopped.run("systemctl", "stop", "pgbouncer")
        stage.say("PgBouncer hangs (SIGSTOP)", hung.name)
        hung.run("sh", "-c", "kill -STOP $(pidof pgbouncer)")
        self._look(stage, stopped, hung)
        stage.say("PgBouncer will be killed at RECONNECT", killed.name)
        pipe = subprocess.PIPE
        self._killer = killed.popen("sh", "-c", KILL, stdin=pipe, stdout=pipe)
        stage.rest(1)

    @staticmethod
    def _look(stage: Stage, stopped: Machine, hung: Machine) -> None:
        if stopped.run("pidof", "pgbouncer", check=False).returncode:
            stage.saw(OUT_OF_ORDER, stopped.name)
        pid = hung.run("pidof", "-s", "pgbouncer", check=False).stdout.strip()
        if pid and commands.stopped(hung, int(pid)):
            stage.saw(OUT_OF_ORDER, hung.name)

    def fault(self, evidence: Evidence) -> Finding:
        stopped, hung, killed = list(evidence.addresses)[:3]
        return witness.every(
            witness.prepared(evidence, OUT_OF_ORDER, stopped),
            witness.prepared(evidence, OUT_OF_ORDER, hung),
            witness.sighted(evidence, KILLED, (killed,)),
            witness.replaced(evidence, facts.POOLER, killed),
            super().fault(evidence),
        )

    def undo(self, stage: Stage) -> None:
        super().undo(stage)
        stopped, hung, killed = (stage.nodes[name] for name in stage.names)
        hung.run("sh", "-c", "kill -CONT $(pidof pgbouncer)")
        stopped.run("systemctl", "start", "pgbouncer")
        if self._killer:
            self._killer.communicate(timeout=30)
            if self._killer.returncode == 0:
                stage.saw(KILLED, killed.name)
        end = time.monotonic() + WORKS_WITHIN
        for node in (stopped, hung, killed):
            while ask(node, "SELECT pg_is_in_recovery()") != "f":
                in_time = time.monotonic() < end
                self.fail_if_not(in_time, "PgBouncer does not lead to the primary", node)
                time.sleep(0.5)

    @staticmethod
    def fail_if_not(fine: bool, what: str, node: Machine) -> None:
        if not fine:
            raise LabError(f"{node.name}: {what}")


class SwitchoverCommand(Switchover):
    name = "switchover-command"
    gap = 6.0
    summary = "paf-haproxy switchover: the same as switchover, with its checks before"

    def inject(self, stage: Stage) -> None:
        stage.say(f"paf-haproxy switchover {self._target}", stage.anyone.name)
        stage.anyone.run("paf-haproxy", "switchover", self._target, timeout=400)
