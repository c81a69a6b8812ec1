"""Audits of what clients were served, and how soon. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..access import CONNECTING, POOLED_KINDS, SESSION
from . import audits, figures
from .audits import Evidence, Finding
from .excuse import accountable, served_at
from .records import ACK, FAILED, PRIMARY, REFUSED, UNKNOWN, UP
from .unserved import gaps

POOLED_ERRORS = "errors of sessions through PgBouncer"
RATIO = "write outage / PAF's switchover"
DEMOTION = "Initiating demote operation"
"""What the DC logs when it orders a demotion: first that of HAProxy, then PAF's."""
DISTURBED = 0.5
"""s that an attempt may take in the middle of somebody else's fault: twice what counts as held, for
three nodes share two cores while Pacemaker is at work."""


def new_connections(evidence: Evidence, most: int = 0) -> Finding:
    """No client of a node that was there had more than `most` new connections refused, failed, or
    lost before their answer.
    """
    new = [each for each in accountable(evidence) if each.new]
    bad = [each for each in new if each.outcome in (REFUSED, FAILED, UNKNOWN)]
    name = "new connections refused, failed or lost"
    if most == 0:
        return audits.count(name, bad, among=len(new))
    worst = max(Counter(each.client for each in bad).values(), default=0)
    finding = audits.count(name, bad, among=len(new))
    value = f"{finding.value}, at most {worst} a client"
    passed = worst <= most and bool(new)
    return replace(finding, passed=passed, value=value, bar=f"{most} a client")


def served_again(evidence: Evidence, within: float) -> Finding:
    """Connecting clients of the nodes that were there wrote again soon after the new primary had
    left recovery.
    """
    name = "writes again after the new primary left recovery"
    what = evidence.change
    if what is None:
        return Finding(name, False, "no change of primary seen", f"{within:g} s")
    there = served_at(evidence, what.out_of_recovery)
    found = {
        client: outage.first - what.out_of_recovery
        for client, outage in figures.outages(evidence.seen, what, evidence.addresses).items()
        if there(client)
    }
    worst = max(found.values(), default=float("inf"))
    return Finding(name, worst <= within, f"{worst:.2f} s", f"{within:g} s")


def served_within(evidence: Evidence, within: float) -> Finding:
    """While its node was there, no connecting client waited longer for an acknowledged write."""
    found = [length for client, length in gaps(evidence) if client.endswith(CONNECTING)]
    worst = max(found, default=float("inf"))
    return Finding("longest without a write", worst <= within, f"{worst:.2f} s", f"{within:g} s")


def primary_stayed(evidence: Evidence) -> Finding:
    """PostgreSQL's roles did not change at all."""
    changes = [
        f"{role.node} {role.role}"
        for role in evidence.seen.roles
        if role.at >= evidence.started and role.before is not None
    ]
    value = ", ".join(changes[:3]) or "stayed"
    held = [
        role
        for role in evidence.seen.roles
        if role.node == evidence.primary and role.role == PRIMARY and role.at < evidence.started
    ]
    return Finding(
        f"PostgreSQL, primary on {evidence.primary}", not changes and bool(held), value, "stayed"
    )


def undisturbed(evidence: Evidence, nodes: frozenset[str]) -> Finding:
    """Clients of these nodes saw nothing: all acknowledged, none waited, no session lost."""
    of_interest = [
        each
        for each in evidence.seen.attempts
        if each.node in nodes and each.end >= evidence.started
    ]
    bad = [
        each
        for each in of_interest
        if each.outcome != ACK
        or each.end - each.start >= DISTURBED
        or (each.kind == "session" and each.new)
    ]
    where = " and ".join(sorted(nodes))
    return audits.count(f"attempts on {where} that were disturbed", bad, among=len(of_interest))


def writers_undisturbed(evidence: Evidence) -> Finding:
    """Writers of the nodes that lived saw nothing, but that a synchronous standby was lost."""
    writes = [
        each for each in accountable(evidence) if each.writes and each.end >= evidence.started
    ]
    bad = [each for each in writes if each.outcome != ACK]
    return audits.count("writes that were not acknowledged", bad, among=len(writes))


def served_by(evidence: Evidence, address: str) -> Finding:
    """The PostgreSQL at this address answered some of the clients."""
    answered = [
        each for each in evidence.seen.attempts if each.outcome == ACK and each.server == address
    ]
    return Finding(f"answers from {address}", bool(answered), str(len(answered)), "some")


def sessions_kept(evidence: Evidence) -> Finding:
    """No session was lost."""
    asked = [
        each
        for each in evidence.seen.attempts
        if each.kind == SESSION and each.start >= evidence.started
    ]
    lost = [each for each in asked if each.new]
    return audits.count("sessions that were lost", lost, among=len(asked))


def haproxy_away(evidence: Evidence, node: str) -> tuple[float, float] | None:
    """Returns when the node's HAProxy last answered before it fell silent, and when it led to the
    expected primary again (infinity: never); None if it did not fall silent.
    """
    told = [each for each in evidence.seen.servers if each.node == node]
    silent = [each for each in told if each.states is None and each.at >= evidence.started]
    if not silent:
        return None
    server = f"prod/{evidence.expected}"
    back = [
        each.at for each in told if each.at > silent[0].at and (each.states or {}).get(server) == UP
    ]
    return silent[0].before or silent[0].at, min(back, default=float("inf"))


def haproxy_went(evidence: Evidence, node: str) -> Finding:
    """The node's HAProxy was away for a while, as the drill meant it to be."""
    away = haproxy_away(evidence, node)
    value = "no" if away is None else f"for {away[1] - away[0]:.1f} s"
    return Finding(f"HAProxy on {node} was away", away is not None, value, "yes")


def haproxy_back(evidence: Evidence, node: str, within: float) -> Finding:
    """The node's HAProxy was away, and soon led to the primary again."""
    away = haproxy_away(evidence, node)
    took = float("inf") if away is None else away[1] - away[0]
    value = "never away" if away is None else f"{took:.2f} s"
    return Finding(f"HAProxy is back on {node}", took <= within, value, f"{within:g} s")


def open_sessions(evidence: Evidence) -> Finding:
    """No session through PgBouncer saw an error."""
    of_interest = [each for each in evidence.seen.attempts if each.kind in POOLED_KINDS]
    bad = [each for each in of_interest if each.outcome != ACK]
    return audits.count(POOLED_ERRORS, bad, 0, len(of_interest))


def longest_pause(evidence: Evidence, more: float) -> Finding:
    """No transaction through PgBouncer took much longer than the worst write outage."""
    name = "longest transaction through PgBouncer"
    what = evidence.change
    if what is None:
        return Finding(name, False, "no change of primary seen", "")
    outages = figures.outages(evidence.seen, what, evidence.addresses).values()
    bar = max((each.length for each in outages), default=0.0) + more
    took = [e.end - e.start for e in evidence.seen.attempts if e.kind in POOLED_KINDS]
    worst = max(took, default=float("inf"))
    return Finding(name, worst <= bar, f"{worst:.3f} s", f"{bar:.3f} s")


def paf_switchover(evidence: Evidence) -> float | None:
    """Returns how long PAF took for a switchover, in s: from the order to demote PostgreSQL until
    the new primary was one. None if that was not to be seen.

    How long it takes depends on the machine. PostgreSQL's absence is shorter: PAF looks at the
    instance before it stops it, and clients are held from the order on.
    """
    if evidence.change is None:
        return None
    end = evidence.change.out_of_recovery
    orders = [
        line.at
        for line in evidence.seen.log
        if DEMOTION in line.text and evidence.started <= line.at < end
    ]
    return end - max(orders) if orders else None


def switchover_ratio(evidence: Evidence) -> float | None:
    """Returns the write outage of the worst connecting client / PAF's switchover; None if there was
    no switchover.
    """
    span = paf_switchover(evidence)
    if evidence.change is None or span is None:
        return None
    found = figures.outages(evidence.seen, evidence.change, evidence.addresses)
    return max((each.length for each in found.values()), default=float("inf")) / span


def ratio(evidence: Evidence, bar: float) -> Finding:
    """The worst connecting client was without writes little longer than PAF took."""
    value = switchover_ratio(evidence)
    span = paf_switchover(evidence)
    if value is None or span is None:
        return Finding(RATIO, False, "no switchover seen", f"{bar:g}")
    detail = f"{value * span:.3f} s / {span:.3f} s"
    return Finding(RATIO, value <= bar, f"{value:.2f}", f"{bar:g}", detail)
