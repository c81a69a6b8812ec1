"""A node's notifications are lost, or hang, in a switchover."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ...errors import LabError
from ...machine import Machine
from .. import audits, pgbouncer, witness
from ..audits import Evidence, Finding
from ..stage import Stage
from .cluster import let_go, set_limit
from .switchover import Switchover

TAMPERED = "notifications that did not reach the agent"
FORGOTTEN = "promotions that Pacemaker has forgotten"
AGENT = "/usr/lib/ocf/resource.d/paf/haproxy"
REAL = "/usr/lib/ocf/resource.d/paf/.haproxy.real"
TOUCHED = "/run/paf-drill-notify"
# In Python, like the agent: a monitor may be running the agent's file at the moment when it is
# replaced, and Python opens the file only after the kernel has read its first line.
WRAPPER = """#!/usr/bin/python3 -IS
import os, sys, time
if sys.argv[1:] == ["notify"]:
    open("{touched}", "a").write("notify\\n")
    {notify}
os.execv("{real}", ["{real}", *sys.argv[1:]])
"""


LOST, HANGING = "sys.exit(0)", "time.sleep(300)"
"""What the agent does on notify, as Python."""


def tamper(node: Machine, notify: str) -> None:
    """Replaces the agent's notify on a node until `mend`. notify: LOST or HANGING."""
    wrapper = WRAPPER.format(touched=TOUCHED, notify=notify, real=REAL)
    node.run("sh", "-c", f"cat >{AGENT}.new && chmod 755 {AGENT}.new", input=wrapper)
    # There is always a file of that name: Pacemaker takes a missing one for final.
    node.run("sh", "-c", f"rm -f {TOUCHED}; ln {AGENT} {REAL} && mv {AGENT}.new {AGENT}")


def mend(node: Machine) -> None:
    """Takes back what `tamper` did, if it was done."""
    node.run("sh", "-c", f"[ ! -e {REAL} ] || mv -f {REAL} {AGENT}; rm -f {TOUCHED}")


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
        tamper(node, self.notify)
        super().inject(stage)

    def follow(self, stage: Stage) -> None:
        super().follow(stage)
        told = stage.nodes[self._victim].run("cat", TOUCHED, check=False).stdout
        stage.saw(TAMPERED, self._victim, len(told.splitlines()))

    def fault(self, evidence: Evidence) -> Finding:
        return witness.every(
            witness.sighted(evidence, TAMPERED, (self._victim,)), super().fault(evidence)
        )

    def judge(self, evidence: Evidence) -> list[Finding]:
        informed = [each for each in evidence.seen.attempts if each.node != self._victim]
        seen = replace(evidence.seen, attempts=tuple(informed))
        reads = audits.misrouted_reads(replace(evidence, seen=seen))
        found = super().judge(evidence)
        return [reads if finding.name == reads.name else finding for finding in found]

    def undo(self, stage: Stage) -> None:
        mend(stage.nodes[self._victim])
        super().undo(stage)


class LostNotify(_Tampered):
    name = "lost-notify"
    gap = 10.0
    summary = "a node's notifications are lost in a switchover: its agent asks Pacemaker"
    notify = LOST
    with_ratio = False


class HangingNotify(_Tampered):
    """Pacemaker kills it after its timeout and goes on."""

    name = "hanging-notify"
    gap = 15.0
    summary = "a node's notifications hang in a switchover: Pacemaker kills them and goes on"
    notify = HANGING
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
        stage.saw(FORGOTTEN, stage.primary)

    def fault(self, evidence: Evidence) -> Finding:
        return witness.every(
            witness.sighted(evidence, FORGOTTEN, (evidence.primary,)), super().fault(evidence)
        )

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
