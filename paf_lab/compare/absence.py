"""When PostgreSQL was away in a trial, and when all HAProxys led to it again. Pure; times in s."""

from __future__ import annotations

import math

from ..drill.audits import Evidence
from ..drill.records import DOWN, PRIMARY, Records


def absence(evidence: Evidence) -> tuple[float, float] | None:
    """Returns since when and until when PostgreSQL took no writes, or None if it always did."""
    change = evidence.change
    if change is not None:
        return change.last_commit, change.out_of_recovery
    mine = [
        each
        for each in evidence.seen.roles
        if each.node == evidence.primary and each.at >= evidence.started
    ]
    down = next((each for each in mine if each.role == DOWN), None)
    if down is None:
        return None
    back = [each.at for each in mine if each.role == PRIMARY and each.at > down.at]
    return (down.before or down.at, min(back)) if back else None


def agreement(seen: Records, evidence: Evidence, since: float) -> float:
    """Returns how long after `since` the last HAProxy led to the expected primary, and to no other;
    infinity if one never did. HAProxys of nodes that died need not.
    """
    worst = 0.0
    for node in set(evidence.addresses) - evidence.died:
        told = [each for each in seen.servers if each.node == node]
        good = [each.at for each in told if each.leads_to == {evidence.expected}]
        before = [each for each in told if each.at <= since]
        if before and before[-1].leads_to == {evidence.expected}:
            continue  # all along
        worst = max(worst, min((at for at in good if at >= since), default=math.inf) - since)
    return worst
