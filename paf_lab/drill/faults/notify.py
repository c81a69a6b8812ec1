"""Notifications go wrong in a switchover, or the agent's memory does before it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ...errors import LabError
from .. import audits, pgbouncer, service
from ..audits import Evidence, Finding
from ..drill import Drill
from ..records import UP
from ..stage import Stage
from .cluster import let_go, set_limit
from .switchover import Switchover

AGENT = "/usr/lib/ocf/resource.d/paf/haproxy"
REAL = "/usr/lib/ocf/resource.d/paf/.haproxy.real"
TOUCHED = "/run/paf-drill-notify"
FULL_FOR = 12.0  # s: every monitor comes by
PAF_FILES = "/run/resource-agents"
PAF_ROOM = f"mount -t tmpfs -o size=1m,mode=0755 paf {PAF_FILES}"
FILL = """free=$(df --output=avail -B4096 /run | tail -1)
fallocate -l $((free * 4096)) /run/fill; dd if=/dev/zero of=/run/fill bs=4k seek=$free 2>/dev/null
true"""
# In Python, like the agent: a monitor may be running the agent's file at the moment when it is
# replaced, and Python opens the file only after the kernel has read its first line.
WRAPPER = """#!/usr/bin/python3 -IS
import os, sys, time
if sys.argv[1:] == ["notify"]:
    open("{touched}", "w").close()
    {notify}
os.execv("{real}", ["{real}", *sys.argv[1:]])
"""
STATEDIR = "/run/paf-haproxy"


class _Tampered(Switchover):
    """A switchover, with the agent's notify replaced on one node that is neither the old nor the
    new primary's. That node's HAProxy learns of it by PostgreSQL's word alone: some connections
    meet a primary that is shutting down, and a reader may meet the new one. No write is misrouted.
    """

    notify = ""
    pooled = False
    failed: int | None = 5

    def __init__(self) -> None:
        super().__init__()
        self._victim = ""

    def expected(self, stage: Stage) -> str:
        target = super().expected(stage)
        self._victim = next(n for n in stage.names if n not in (stage.primary, target))
        return target

    def breaks(self, stage: Stage) -> Collection[str]:
        return (self._victim,)

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[self._victim]
        stage.say(self.summary.partition(":")[0], node.name)
        wrapper = WRAPPER.format(touched=TOUCHED, notify=self.notify, real=REAL)
        node.run("sh", "-c", f"cat >{AGENT}.new && chmod 755 {AGENT}.new", input=wrapper)
        # There is always a file of that name: Pacemaker takes a missing one for final.
        node.run("sh", "-c", f"rm -f {TOUCHED}; ln {AGENT} {REAL} && mv {AGENT}.new {AGENT}")
        super().inject(stage)

    def follow(self, stage: Stage) -> None:
        super().follow(stage)
        if stage.nodes[self._victim].run("test", "-e", TOUCHED, check=False).returncode:
            raise LabError(f"no notify was run on {self._victim}")

    def judge(self, evidence: Evidence) -> list[Finding]:
        informed = [each for each in evidence.seen.attempts if each.node != self._victim]
        seen = replace(evidence.seen, attempts=tuple(informed))
        reads = audits.misrouted_reads(replace(evidence, seen=seen))
        found = super().judge(evidence)
        return [reads if finding.name == reads.name else finding for finding in found]

    def undo(self, stage: Stage) -> None:
        script = f"[ ! -e {REAL} ] || mv -f {REAL} {AGENT}; rm -f {TOUCHED}"
        stage.nodes[self._victim].run("sh", "-c", script)
        super().undo(stage)


class LostNotify(_Tampered):
    name = "lost-notify"
    gap = 20.0
    summary = "a node's notifications are lost in a switchover: the monitor mends it"
    notify = "sys.exit(0)"
    with_ratio = False


class HangingNotify(_Tampered):
    """Pacemaker kills it after its timeout and goes on."""

    name = "hanging-notify"
    gap = 45.0
    summary = "a node's notifications hang in a switchover: Pacemaker kills them and goes on"
    notify = "time.sleep(300)"
    with_ratio = False
    deadline = 180.0


class ForgottenPromotion(HangingNotify):
    """Pacemaker records a reload as a start. Once the promoted monitor is cancelled for the demote,
    and the transition is cut off before that, nothing tells it of the promotion any more.

    With PgBouncer HAProxy is demoted before PAF is, so it cannot be cut off there: the drill takes
    that order away.
    """

    name = "forgotten-promotion"
    gap = 45.0
    summary = "notifications hang after a parameter was changed live: Pacemaker forgets a promotion"

    def __init__(self) -> None:
        super().__init__()
        self._changed = ""
        self._pooler = False

    def prepare(self, stage: Stage) -> None:
        """Changes the parameter so that the reload is the last that Pacemaker has on record.

        A probe that found HAProxy running is on record as a failure. The reload takes that away,
        and Pacemaker, cut off by it, promotes HAProxy once more. The next reload is left alone.
        """
        super().prepare(stage)
        self._pooler = pgbouncer.followed(stage.anyone, stage.settings.haproxy)
        if self._pooler:
            stage.say("PAF does not wait for PgBouncer")
            pgbouncer.follow(stage.anyone, stage.settings.haproxy, there=False)
        for value in ("1999", "1998", "1997"):
            self._changed = stage.nodes[stage.primary].run("date", "+%s.%6N").stdout.strip()
            set_limit(stage, value)
            stage.await_healthy()
            if not self._said(stage, "^promote:"):
                break
        else:
            raise LabError("Pacemaker promotes HAProxy once more after each reload")
        let_go(stage)

    def follow(self, stage: Stage) -> None:
        super().follow(stage)
        stage.wait(lambda: self._known(stage), within=30, every=1)

    def _known(self, stage: Stage) -> str:
        """Returns '' once the old primary's monitor has met a Pacemaker that has forgotten."""
        if self._said(stage, "promoted no more"):
            return ""
        return f"Pacemaker has not forgotten that HAProxy was promoted on {stage.primary}"

    def _said(self, stage: Stage, what: str) -> bool:
        """Returns whether the primary's agent has said so since the last change of parameters."""
        words = ("-q", "-t", "paf-haproxy", f"--since=@{self._changed}", f"--grep={what}")
        return not stage.nodes[stage.primary].run("journalctl", *words, check=False).returncode

    def undo(self, stage: Stage) -> None:
        super().undo(stage)
        if self._pooler:
            pgbouncer.follow(stage.anyone, stage.settings.haproxy, there=True)
        set_limit(stage, "2000")
        let_go(stage)


class RoleFiles(Switchover):
    """Corrupt on one node, stale on another, gone on the third: right before a switchover, and once
    more when HAProxy has been told that the primary leaves.
    """

    name = "role-files"
    gap = 6.0
    pooled = False
    summary = "role files corrupt, stale and gone in a switchover: nothing misrouted"
    with_ratio = False

    def breaks(self, stage: Stage) -> Collection[str]:
        return stage.names

    def inject(self, stage: Stage) -> None:
        self._spoil(stage)
        super().inject(stage)

    def follow(self, stage: Stage) -> None:
        leaves = f"prod/{stage.primary}"
        stage.wait(
            lambda: "" if (stage.servers[stage.primary] or {}).get(leaves) != UP else
            f"HAProxy still leads to {stage.primary}", within=30,
        )  # fmt: skip
        self._spoil(stage)
        super().follow(stage)

    @staticmethod
    def _spoil(stage: Stage) -> None:
        path = f"{STATEDIR}/role"
        spoils = (f"echo junk >{path}", f"sed -i s/{stage.primary}/srv9/ {path}", f"rm -f {path}")
        for name, spoil in zip(stage.names, spoils):
            stage.say(f"role file: {spoil}", name)
            stage.nodes[name].run("sh", "-c", spoil)


class RunFull(Drill):
    """PAF needs room in /run too, for the text of each query. Without it pgsqlms ends with 5 or 6,
    and Pacemaker stops PostgreSQL there, or on all nodes. docs/traps/paf.md, "A full /run
    breaks more than HAProxy", tells it, and what to do about it: a file system of its own, as PAF
    gets here.
    """

    name = "run-full"
    summary = "/run full on a standby's node: nothing moves, writers elsewhere see nothing"
    deadline = 240.0

    def __init__(self) -> None:
        self._victim = ""

    def inject(self, stage: Stage) -> None:
        self._victim = next(name for name in sorted(stage.names) if name != stage.primary)
        node = stage.nodes[self._victim]
        stage.say("fill /run", node.name)
        node.run("sh", "-c", f"{PAF_ROOM}; {FILL}", timeout=90)
        if node.run("sh", "-c", "echo x >/run/fill2", check=False).returncode == 0:
            raise LabError(f"/run of {node.name} is not full")

    def follow(self, stage: Stage) -> None:
        stage.rest(FULL_FOR)

    def undo(self, stage: Stage) -> None:
        if stage.nodes[self._victim].running:
            script = f"rm -f /run/fill /run/fill2; umount {PAF_FILES} 2>/dev/null || true"
            stage.nodes[self._victim].run("sh", "-c", script)

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [*super().judge(evidence), service.writers_undisturbed(evidence)]


class StrayPrimary(Drill):
    """Somebody promotes a standby by hand, past Pacemaker.

    PAF takes whom it finds promoted for the better primary, and demotes the old one: what that one
    has acknowledged since is lost. No HAProxy can help it. What it can do is that nobody writes to
    the stray before Pacemaker makes it the primary, and never to both.
    """

    name = "stray-primary"
    repairs = 2
    gap = 90.0
    reader_gap = 30.0
    stray_reads = 3  # until it says itself that it is no standby
    summary = "a standby promoted by hand: it gets no write before Pacemaker makes it the primary"
    moves = None
    failed = None
    deadline = 240.0

    def inject(self, stage: Stage) -> None:
        name = next(name for name in sorted(stage.names) if name != stage.primary)
        stage.say("pg_ctl promote, by hand", name)
        settings = stage.settings
        command = f"{settings.bindir}/pg_ctl promote -D {settings.pgdata}"
        stage.nodes[name].run("sh", "-c", command, user="postgres")
        stage.wait(lambda: "" if stage.roles[name] == "primary" else f"{name} is no primary", 30)

    def follow(self, stage: Stage) -> None:
        stage.rest(20)  # PAF's monitor comes by

    def judge(self, evidence: Evidence) -> list[Finding]:
        lost = audits.lost_rows(evidence)
        others = [finding for finding in super().judge(evidence) if finding.name != lost.name]
        return [*others, replace(lost, passed=True, bar="PAF's choice")]
