"""Audits of a crash of PostgreSQL that the agent reports to Pacemaker. Pure."""

from __future__ import annotations

import math
from collections import Counter

from ..access import CONNECTING
from .audits import Evidence, Finding
from .records import PRIMARY
from .unserved import gaps

REPORTED = "reported to Pacemaker"
"""What the agent logs of a report (paf_haproxy/crash.py)."""
GAP = 0.5
"""s without an acknowledged write, from which on it is a gap: clients write every 0.1 s."""


def reports(evidence: Evidence) -> list[float]:
    """Returns when the agents have reported crashes, in s after the event."""
    return [
        line.at - evidence.started
        for line in evidence.seen.log
        if line.program == "paf-haproxy" and f": {REPORTED}," in line.text
    ]


def reported(evidence: Evidence, within: float) -> Finding:
    """The agent reported the crash once, and soon."""
    found = reports(evidence)
    value = ", ".join(f"{each:.2f} s" for each in found) or "never"
    passed = len(found) == 1 and found[0] <= within
    return Finding(f"crash {REPORTED}", passed, value, f"once, {within:g} s")


def one_gap(evidence: Evidence) -> Finding:
    """Writes stopped once and not twice, as when PAF starts a crashed primary to demote it."""
    found = Counter(
        client for client, length in gaps(evidence) if client.endswith(CONNECTING) and length >= GAP
    )
    worst = max(found.values(), default=0)
    return Finding("gaps in the writes of a client", worst == 1, str(worst), "1")


def recovered(evidence: Evidence, node: str, bar: float) -> Finding:
    """The worst connecting client was without writes little longer than PAF took to make the
    crashed instance a primary again: how long that is depends on the machine.
    """
    name = "longest without a write / PAF's recovery"
    ups = [
        role.at - evidence.started
        for role in evidence.seen.roles
        if role.node == node and role.role == PRIMARY and role.at >= evidence.started
    ]
    if not ups:
        return Finding(name, False, "not recovered", f"{bar:g}")
    recovery = max(ups)  # PAF starts it once before it demotes it: the last one counts
    worst = max(
        (each for client, each in gaps(evidence) if client.endswith(CONNECTING)), default=math.inf
    )
    detail = f"{worst:.3f} s / {recovery:.3f} s"
    return Finding(name, worst / recovery <= bar, f"{worst / recovery:.2f}", f"{bar:g}", detail)
