"""The switch takes its time: clients wait for the new primary, longer than the hold in the end."""

from __future__ import annotations

import math

from ... import disorder, power
from .. import witness
from ..audits import Evidence, Finding
from ..records import ACK
from ..stage import Stage
from .combined import new_primary
from .power import PowerOffPrimary

HOLD = 30.0
"""s, hold_timeout: the agent's default."""
CONNECTING = 5.0
"""s, HAProxy's `timeout connect`: it may wait so long for the lost node before the hold begins."""
ENDING = 1.0
"""s by which a held client may give up before or after the hold's end."""
OTHERWISE = 25.0
"""s without an answer if the switch is quick: the limit of drill poweroff."""
TIMEOUT = "stonith-timeout"
DEFAULT_TIMEOUT = 60.0
"""s that Pacemaker waits for a fence device."""
PROMOTED_WITHIN = 60.0  # s beyond the delay


class SlowFencing(PowerOffPrimary):
    """Nobody is promoted before the switch has answered. A held client gives up when the hold ends,
    and its next connection is held again: so many fail as holds fit into the outage, and the one
    that was under way. A switch that takes longer than Pacemaker waits needs a longer timeout,
    which an administrator sets; the drill sets it, too.
    """

    delay = 0.0
    """s by which each order is carried out late."""
    lab_only = True

    def __init__(self) -> None:
        super().__init__()
        self._took: list[float] = []
        self._patient = False

    def prepare(self, stage: Stage) -> None:
        super().prepare(stage)
        if self.delay + 10 > DEFAULT_TIMEOUT:
            self._patient = True
            words = ("--type", "crm_config", "--name", TIMEOUT, "--update", f"{2 * self.delay:g}s")
            stage.anyone.run("crm_attribute", *words)

    def inject(self, stage: Stage) -> None:
        stage.say(f"the power switch is {self.delay:g} s late")
        disorder.delay(self.delay)
        super().inject(stage)

    def follow(self, stage: Stage) -> None:
        super().follow(stage)
        stage.wait(lambda: new_primary(stage), within=self.delay + PROMOTED_WITHIN)

    def undo(self, stage: Stage) -> None:
        disorder.delay(0)
        log = power.LOG.read_text() if power.LOG.exists() else ""
        self._took = [took for _, took in disorder.durations(log, stage.started)]
        if self._patient:
            words = ("--type", "crm_config", "--name", TIMEOUT, "--delete")
            stage.anyone.run("crm_attribute", *words)

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [*super().judge(evidence), gave_up(evidence)]

    def fault(self, evidence: Evidence) -> Finding:
        longest = max(self._took, default=0.0)
        value = f"the switch took {longest:.1f} s" if self._took else "no fencing"
        late = witness.witness(longest >= self.delay > 0, value)
        return witness.every(super().fault(evidence), late)


def gave_up(evidence: Evidence) -> Finding:
    """No client waited longer than for one connect and the hold, and each gave up as often as the
    hold fits into the outage: a new connection that failed sooner was not held.
    """
    name = "held clients that gave up"
    change = evidence.change
    if change is None:
        return Finding(name, False, "no change of primary seen", "")
    outage = change.out_of_recovery - change.last_commit
    most = math.floor((outage + ENDING) / HOLD)
    counts: dict[str, int] = {}
    longest = 0.0
    for each in evidence.seen.attempts:
        if not each.new or each.node in evidence.died or each.end < evidence.started:
            continue
        took = each.end - each.start
        longest = max(longest, took)
        if each.outcome != ACK and took >= HOLD - ENDING:
            counts[each.client] = counts.get(each.client, 0) + 1
    worst = max(counts.values(), default=0)
    passed = worst <= most and longest <= HOLD + CONNECTING + 2 * ENDING
    value = f"{sum(counts.values())}, at most {worst} a client, after {longest:.1f} s"
    return Finding(name, passed, value, f"{most} a client, {HOLD + CONNECTING:g} s")


def _slow(seconds: int, failed: int) -> type[SlowFencing]:
    attributes = {
        "name": f"slow-fencing-{seconds}",
        "summary": f"power-off of the primary's node, and fencing takes {seconds} s",
        "delay": float(seconds),
        "gap": OTHERWISE + seconds,
        "deadline": 180.0 + seconds,
        "failed": failed,
    }
    return type(f"SlowFencing{seconds}", (SlowFencing,), attributes)


SLOW_FENCING = (_slow(20, 2), _slow(40, 2), _slow(60, 3))
"""With the 10 s of a power-off the hold of 30 s ends as the outage does, then once, then twice."""
