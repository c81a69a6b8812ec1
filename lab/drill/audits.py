"""Audits: each takes the evidence of one run and returns a finding. Pure.

An audit that had nothing to look at has not passed: `clients_ran` sees to it that there was
something before the event and after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from . import figures
from .records import (
    ACK,
    CONNECTING,
    FAILED,
    MISROUTED,
    PRIMARY,
    REFUSED,
    SESSION,
    UNKNOWN,
    UP,
    Attempt,
    Records,
)

Row = tuple[str, int]
"""A write: client and sequence, e.g. ('srv1/session', 17)."""

RATIO = "write outage / PostgreSQL's absence"
THROUGH_HAPROXY = "127.0.0.1:5432"
DISTURBED = 0.5
"""s that an attempt may take in the middle of somebody else's fault: twice what counts as held, for
three nodes share two cores while Pacemaker is at work."""
LEAST = 5
"""Acknowledged attempts that every client must have before the event, and again at the end."""


@dataclass(frozen=True)
class Finding:
    """One line of a verdict."""

    name: str
    passed: bool
    value: str
    bar: str
    detail: str = ""


@dataclass(frozen=True)
class Evidence:
    """All that a verdict rests on."""

    seen: Records
    addresses: Mapping[str, str]
    """Node name -> address that its PostgreSQL answers with."""
    clients: frozenset[str]
    """Clients that were started, e.g. 'srv1/connecting'."""
    primary: str
    """Node that was primary before."""
    expected: str
    """Node that should be primary afterwards."""
    started: float
    settled: float
    """When the cluster was whole again; later attempts are the proof that it was."""
    trouble: str
    """Why the drill did not run as it should, in one line; empty if it did."""
    rows: Mapping[Row, float | None]
    """What the table held afterwards on the primary, and when it was committed if that is known."""
    fencings: int
    died: frozenset[str] = frozenset()
    """Nodes that went down meanwhile: what their own clients saw is not HAProxy's doing."""
    receivers: Mapping[str, str] = field(default_factory=dict)
    """Standby -> where it streams from afterwards, as host:port."""
    leftovers: tuple[str, ...] = ()
    """What is left on the nodes that should not be, in words."""
    load: float = 0.0
    """Load average per CPU when the event began. Pacemaker throttles its actions from 0.96 on
    (1.2 times its load-threshold of 80 %), and what it then does one after the other it does
    otherwise side by side.
    """

    @property
    def change(self) -> figures.Change | None:
        """The change of primary, if there was one."""
        commits = [moment for moment in self.rows.values() if moment is not None]
        return figures.change(
            self.seen, self.primary, self.expected, self.addresses, self.started, commits
        )


def _count(name: str, found: list[Attempt], bar: int = 0, among: str = "") -> Finding:
    shown = ", ".join(
        f"{each.client} #{each.sequence} {each.outcome} {each.error or ''}".strip()
        for each in found[:3]
    )
    return Finding(name, len(found) <= bar, f"{len(found)}{among}", str(bar), shown)


def whole_again(evidence: Evidence) -> Finding:
    """The event took its course, and the cluster was healthy again before the deadline."""
    taken = evidence.settled - evidence.started
    value = evidence.trouble or f"after {taken:.1f} s"
    return Finding("cluster whole again", not evidence.trouble, value, "yes")


def clients_ran(evidence: Evidence) -> Finding:
    """Every client worked before the event and works after it."""
    groups = figures.by_client(evidence.seen.attempts)
    idle = []
    for client in sorted(evidence.clients):
        acks = [each for each in groups.get(client, []) if each.outcome == ACK]
        before = sum(each.end < evidence.started for each in acks)
        after = sum(each.start >= evidence.settled for each in acks)
        if min(before, after) < LEAST:
            idle.append(f"{client} {before} before, {after} after")
    value = f"{len(evidence.clients) - len(idle)} of {len(evidence.clients)}"
    passed = bool(evidence.clients) and not idle
    return Finding("clients at work before and after", passed, value, "all", "; ".join(idle[:3]))


def new_connections(evidence: Evidence, most: int = 0) -> Finding:
    """No client of a node that lived had more than `most` new connections refused, failed, or lost
    before their answer.
    """
    new = [each for each in evidence.seen.attempts if each.new and each.node not in evidence.died]
    bad = [each for each in new if each.outcome in (REFUSED, FAILED, UNKNOWN)]
    name = "new connections refused, failed or lost"
    if most == 0:
        return _count(name, bad, among=f" of {len(new)}")
    worst = max(Counter(each.client for each in bad).values(), default=0)
    finding = _count(name, bad, among=f" of {len(new)}, at most {worst} a client")
    return replace(finding, passed=worst <= most, bar=f"{most} a client")


def misrouted_writes(evidence: Evidence) -> Finding:
    writes = [each for each in evidence.seen.attempts if each.writes]
    bad = [each for each in writes if each.outcome == MISROUTED]
    return _count("writes sent to a standby", bad, among=f" of {len(writes)}")


def misrouted_reads(evidence: Evidence) -> Finding:
    reads = [each for each in evidence.seen.attempts if not each.writes]
    bad = [each for each in reads if each.outcome == MISROUTED]
    return _count("reads answered by a primary", bad, among=f" of {len(reads)}")


def lost_rows(evidence: Evidence) -> Finding:
    """Every acknowledged write is in the table."""
    acks = figures.acknowledged(evidence.seen.attempts)
    bad = [each for each in acks if (each.client, each.sequence) not in evidence.rows]
    return _count("acknowledged rows lost", bad, among=f" of {len(acks)}")


def one_primary(evidence: Evidence) -> Finding:
    """No write was acknowledged by the old primary after one by the new."""
    acks = figures.acknowledged(evidence.seen.attempts)
    home = evidence.addresses[evidence.primary]
    elsewhere = [each.end for each in acks if each.server != home]
    first = min(elsewhere, default=float("inf"))
    bad = [each for each in acks if each.server == home and each.end > first]
    return _count("writes acknowledged by two primaries", bad)


def one_timeline(evidence: Evidence) -> Finding:
    """Timelines follow one another: none acknowledges a write after its successor did."""
    acks = figures.acknowledged(evidence.seen.attempts)
    firsts: dict[str, float] = {}
    for each in acks:
        line = each.timeline or ""
        firsts[line] = min(each.end, firsts.get(line, each.end))
    bad = [
        each
        for each in acks
        if any(line > (each.timeline or "") and first < each.end for line, first in firsts.items())
    ]
    return _count("writes acknowledged on two timelines", bad)


def fencings(evidence: Evidence, most: int = 0) -> Finding:
    return Finding("fencings", evidence.fencings <= most, str(evidence.fencings), f"{most}")


def failed_over(evidence: Evidence) -> Finding:
    """Another node is primary than before."""
    passed = evidence.expected != evidence.primary
    value = f"{evidence.primary} -> {evidence.expected}"
    return Finding("primary moved", passed, value, "yes")


def replication(evidence: Evidence) -> Finding:
    """Every standby streams through its own HAProxy."""
    standbys = sorted(set(evidence.addresses) - {evidence.expected})
    bad = [
        f"{name} from {evidence.receivers.get(name, 'nobody')}"
        for name in standbys
        if evidence.receivers.get(name) != THROUGH_HAPROXY
    ]
    value = f"{len(standbys) - len(bad)} of {len(standbys)}"
    name = "standbys that stream through HAProxy"
    return Finding(name, not bad and bool(standbys), value, "all", ", ".join(bad))


def tidy(evidence: Evidence) -> Finding:
    """No process, socket or file is left that a cluster at rest does not have."""
    value = str(len(evidence.leftovers))
    shown = "; ".join(evidence.leftovers[:3])
    return Finding("left over", not evidence.leftovers, value, "0", shown)


def served_again(evidence: Evidence, within: float) -> Finding:
    """Connecting clients of the nodes that lived wrote again soon after the new primary had left
    recovery.
    """
    name = "writes again after the new primary left recovery"
    what = evidence.change
    if what is None:
        return Finding(name, False, "no change of primary seen", f"{within:g} s")
    found = {
        client: outage.first - what.out_of_recovery
        for client, outage in figures.outages(evidence.seen, what, evidence.addresses).items()
        if client.partition("/")[0] not in evidence.died
    }
    worst = max(found.values(), default=float("inf"))
    return Finding(name, worst <= within, f"{worst:.2f} s", f"{within:g} s")


def served_within(evidence: Evidence, within: float) -> Finding:
    """No connecting client of a node that lived was without an acknowledged write for longer."""
    found = {
        client: length
        for client, length in figures.stalls(evidence.seen).items()
        if client.endswith(CONNECTING) and client.partition("/")[0] not in evidence.died
    }
    worst = max(found.values(), default=float("inf"))
    return Finding("longest without a write", worst <= within, f"{worst:.2f} s", f"{within:g} s")


def moved(evidence: Evidence) -> Finding:
    """The last acknowledged writes came from the node that should be primary now."""
    acks = figures.acknowledged(evidence.seen.attempts)
    last = {each.server for each in acks if each.start >= evidence.settled}
    names = sorted(name for name, address in evidence.addresses.items() if address in last)
    value = " and ".join(names) or "nobody"
    return Finding("primary afterwards", names == [evidence.expected], value, evidence.expected)


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
    finding = _count(
        f"attempts on {where} that were disturbed", bad, among=f" of {len(of_interest)}"
    )
    return finding if of_interest else Finding(finding.name, False, "none made", "0")


def writers_undisturbed(evidence: Evidence) -> Finding:
    """Writers of the nodes that lived saw nothing, but that a synchronous standby was lost."""
    writes = [
        each
        for each in evidence.seen.attempts
        if each.writes and each.node not in evidence.died and each.end >= evidence.started
    ]
    bad = [each for each in writes if each.outcome != ACK]
    return _count("writes that were not acknowledged", bad, among=f" of {len(writes)}")


def sessions_kept(evidence: Evidence) -> Finding:
    """No session was lost."""
    reconnects = [
        each
        for each in evidence.seen.attempts
        if each.kind == SESSION and each.new and each.start >= evidence.started
    ]
    return _count("sessions that were lost", reconnects)


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


def ratio(evidence: Evidence, bar: float) -> Finding:
    """The worst connecting client was without writes little longer than PostgreSQL was away."""
    name = RATIO
    what = evidence.change
    if what is None:
        return Finding(name, False, "no change of primary seen", f"{bar:g}")
    found = figures.outages(evidence.seen, what, evidence.addresses)
    worst = max((each.length for each in found.values()), default=float("inf"))
    value = worst / what.absence
    detail = f"{worst:.3f} s / {what.absence:.3f} s"
    return Finding(name, value <= bar, f"{value:.2f}", f"{bar:g}", detail)


def unknown_rows(evidence: Evidence) -> tuple[int, int]:
    """Returns how many writes of unknown outcome are in the table, and how many are not."""
    unknown = [
        (each.client, each.sequence)
        for each in evidence.seen.attempts
        if each.writes and each.outcome == UNKNOWN
    ]
    there = sum(row in evidence.rows for row in unknown)
    return there, len(unknown) - there
