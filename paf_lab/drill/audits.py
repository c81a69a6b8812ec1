"""Audits: each takes the evidence of one run and returns a finding. Pure.

An audit that had nothing to look at has not passed: `clients_ran` sees to it that there was
something before the event and after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import figures
from .records import (
    ACK,
    MISROUTED,
    UNKNOWN,
    Attempt,
    Facts,
    Records,
    Sighting,
)

Row = tuple[str, int]
"""A write: client and sequence, e.g. ('srv1/session', 17)."""

WHOLE = "cluster whole again"
"""The name of the audit that says so, or what it lacked."""
THROUGH_HAPROXY = ("127.0.0.1:5437", "127.0.0.1:5432")
"""HAProxy's replication port; and prod, as clusters have it that were made before there was one."""
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


@dataclass(frozen=True, kw_only=True)
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
    """Nodes that went down meanwhile: what their own clients saw then is not HAProxy's doing."""
    left: Mapping[str, float] = field(default_factory=dict)
    """When a drill took a node down on purpose; it knows before the node's programs end."""
    receivers: Mapping[str, str] = field(default_factory=dict)
    """Standby -> where it streams from afterwards, as host:port."""
    leftovers: tuple[str, ...] = ()
    """What is left on the nodes that should not be, in words."""
    repairs: tuple[str, ...] = ()
    """What the drill did to the cluster that a person would have had to do, in words."""
    cleared: int = 0
    """How often it cleared the failures that Pacemaker had on record."""
    before: Mapping[str, Facts] = field(default_factory=dict)
    """Node -> which boot and which processes it had before the event."""
    after: Mapping[str, Facts] = field(default_factory=dict)
    """The same, once the cluster was whole again."""
    sightings: tuple[Sighting, ...] = ()
    """What the drill saw of its own work by asking the nodes."""
    slowness: float = 1.0
    """How many times slower than the lab's the machines are; times may be so many times longer."""
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


def count(name: str, found: list[Attempt], bar: int = 0, among: int | None = None) -> Finding:
    """Returns whether at most `bar` attempts were found; "0 of 0" shows nothing."""
    shown = ", ".join(
        f"{each.client} #{each.sequence} {each.outcome} {each.error or ''}".strip()
        for each in found[:3]
    )
    value = f"{len(found)}" if among is None else f"{len(found)} of {among}"
    return Finding(name, len(found) <= bar and among != 0, value, str(bar), shown)


def whole_again(evidence: Evidence) -> Finding:
    """The event took its course, and the cluster was healthy again before the deadline."""
    taken = evidence.settled - evidence.started
    value = evidence.trouble or f"after {taken:.1f} s"
    return Finding(WHOLE, not evidence.trouble, value, "yes")


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


def misrouted_writes(evidence: Evidence) -> Finding:
    writes = [each for each in evidence.seen.attempts if each.writes]
    bad = [each for each in writes if each.outcome == MISROUTED]
    return count("writes sent to a standby", bad, among=len(writes))


def misrouted_reads(evidence: Evidence, most: int = 0) -> Finding:
    reads = [each for each in evidence.seen.attempts if not each.writes]
    bad = [each for each in reads if each.outcome == MISROUTED]
    return count("reads answered by a primary", bad, most, len(reads))


def lost_rows(evidence: Evidence) -> Finding:
    """Every acknowledged write is in the table."""
    acks = figures.acknowledged(evidence.seen.attempts)
    bad = [each for each in acks if (each.client, each.sequence) not in evidence.rows]
    return count("acknowledged rows lost", bad, among=len(acks))


def one_primary(evidence: Evidence) -> Finding:
    """No write was acknowledged by the old primary after one by the new."""
    acks = figures.acknowledged(evidence.seen.attempts)
    home = evidence.addresses[evidence.primary]
    elsewhere = [each.end for each in acks if each.server != home]
    first = min(elsewhere, default=float("inf"))
    bad = [each for each in acks if each.server == home and each.end > first]
    return count("writes acknowledged by two primaries", bad, among=len(acks))


def one_timeline(evidence: Evidence) -> Finding:
    """Timelines follow one another: none acknowledges a write after its successor did."""
    acks = figures.acknowledged(evidence.seen.attempts)
    bad = figures.overtaken(acks)
    return count("writes acknowledged on two timelines", bad, among=len(acks))


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
        if evidence.receivers.get(name) not in THROUGH_HAPROXY
    ]
    value = f"{len(standbys) - len(bad)} of {len(standbys)}"
    name = "standbys that stream through HAProxy"
    return Finding(name, not bad and bool(standbys), value, "all", ", ".join(bad))


def tidy(evidence: Evidence) -> Finding:
    """No process, socket or file is left that a cluster at rest has not; no daemon is missing."""
    value = str(len(evidence.leftovers))
    shown = "; ".join(evidence.leftovers[:3])
    return Finding("left over", not evidence.leftovers, value, "0", shown)


def repairs(evidence: Evidence, most: int = 0) -> Finding:
    """The cluster became whole without a person, but for instances that had to be made anew."""
    found = evidence.repairs
    shown = "; ".join(found[:3])
    return Finding("repairs by a person", len(found) <= most, str(len(found)), str(most), shown)


def clearings(evidence: Evidence, most: int = 0) -> Finding:
    """The failures that Pacemaker had on record were cleared no more often."""
    found = evidence.cleared
    return Finding("failures cleared by a person", found <= most, str(found), str(most))


def moved(evidence: Evidence) -> Finding:
    """The last acknowledged writes came from the node that should be primary now."""
    acks = figures.acknowledged(evidence.seen.attempts)
    last = {each.server for each in acks if each.start >= evidence.settled}
    names = sorted(name for name, address in evidence.addresses.items() if address in last)
    value = " and ".join(names) or "nobody"
    return Finding("primary afterwards", names == [evidence.expected], value, evidence.expected)


def unknown_rows(evidence: Evidence) -> tuple[int, int]:
    """Returns how many writes of unknown outcome are in the table, and how many are not."""
    unknown = [
        (each.client, each.sequence)
        for each in evidence.seen.attempts
        if each.writes and each.outcome == UNKNOWN
    ]
    there = sum(row in evidence.rows for row in unknown)
    return there, len(unknown) - there
