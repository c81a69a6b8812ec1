"""The state of the cluster: read off Pacemaker's own XML, judged purely, with a one-line reason."""

from __future__ import annotations

import html

# What is parsed is what Pacemaker's tools print on our own nodes (S314).
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .records import DOWN, PRIMARY, STANDBY, UP

PROMOTED = ("Promoted", "Master")  # "Master" before Pacemaker 2.1

States = Mapping[str, str]
"""Of one HAProxy: server -> state, e.g. 'prod/srv1' -> 'ready up'."""


@dataclass(frozen=True)
class Clone:
    """Where the instances of a clone run."""

    started: frozenset[str] = frozenset()
    promoted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ClusterState:
    """What crm_mon tells."""

    online: frozenset[str]
    dc: str
    clones: Mapping[str, Clone]
    failures: tuple[str, ...]
    quorum: bool = True

    def promoted(self, clone: str) -> str | None:
        """Returns the one node on which the clone is promoted, or None."""
        nodes = self.clones.get(clone, Clone()).promoted
        return next(iter(nodes)) if len(nodes) == 1 else None


def parse_status(text: str) -> ClusterState:
    """Reads `crm_mon --output-as=xml`."""
    root = ET.fromstring(text)  # noqa: S314
    online = {
        node.get("name", "")
        for node in root.findall("./nodes/node")
        if node.get("online") == "true"
        and "true" not in (node.get("standby"), node.get("maintenance"), node.get("pending"))
    }
    dc = root.find("./summary/current_dc")
    clones = {clone.get("id", ""): _clone(clone) for clone in root.iter("clone")}
    failures = [
        f"{failure.get('op_key', failure.get('task', '?'))} on {failure.get('node')}:"
        # Pacemaker 2.1.5 escapes the reason twice.
        f" {failure.get('exitstatus')} {html.unescape(failure.get('exitreason') or '')}".rstrip()
        for failure in root.iter("failure")
    ]
    name = dc.get("name", "") if dc is not None else ""
    quorum = dc is not None and dc.get("with_quorum") == "true"
    return ClusterState(frozenset(online), name, clones, tuple(failures), quorum)


def _clone(clone: ET.Element) -> Clone:
    started, promoted = set(), set()
    for resource in clone.iter("resource"):
        if resource.get("active") != "true" or resource.get("failed") == "true":
            continue
        nodes = {node.get("name", "") for node in resource.findall("node")}
        started |= nodes
        if resource.get("role") in PROMOTED:
            promoted |= nodes
    return Clone(frozenset(started), frozenset(promoted))


def parse_moves(text: str) -> tuple[str, ...]:
    """Returns the ids of what moves and bans have left, from the CIB's constraints."""
    root = ET.fromstring(text)  # noqa: S314
    ids = (each.get("id", "") for each in root.iter("rsc_location"))
    return tuple(name for name in ids if name.startswith("cli-"))


def parse_interval(text: str, role: str) -> float | None:
    """Returns the interval in s of the monitor of a role, from the CIB's resources."""
    root = ET.fromstring(text)  # noqa: S314
    roles = {"Promoted": PROMOTED, "Unpromoted": ("Unpromoted", "Slave")}[role]
    for op in root.iter("op"):
        if op.get("name") == "monitor" and op.get("role") in roles:
            return seconds(op.get("interval", "0"))
    return None


def seconds(text: str) -> float:
    """Reads a time as Pacemaker writes it: 4s, 4, 4000ms, 1min."""
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    units = {"": 1, "s": 1, "sec": 1, "ms": 0.001, "m": 60, "min": 60, "h": 3600}
    return float(digits) * units[text[len(digits) :]]


@dataclass(frozen=True)
class Snapshot:
    """All that health rests on."""

    status: ClusterState
    idle: bool
    moves: tuple[str, ...]
    roles: Mapping[str, str]
    servers: Mapping[str, Mapping[str, str] | None]
    streaming: Mapping[str, str]
    """Standby -> sync_state, of those that stream from the primary."""


def unhealthy(
    now: Snapshot, nodes: Sequence[str], pgsql: str, haproxy: str, primary: str | None = None
) -> str:
    """Returns in one line why the cluster is not whole; empty if it is.

    primary: the node that should be primary, or None for any.
    """
    return next((why for why in _reasons(now, nodes, pgsql, haproxy, primary) if why), "")


def misplaced(status: ClusterState, nodes: Sequence[str], pgsql: str, haproxy: str) -> str:
    """Returns in one line what Pacemaker does not run where it should; empty if it runs all."""
    absent = sorted(set(nodes) - status.online)
    if absent:
        return f"{', '.join(absent)} not online"
    leads = status.promoted(pgsql)
    if leads is None:
        return f"{pgsql} is promoted nowhere"
    for clone in (pgsql, haproxy):
        lacking = sorted(set(nodes) - status.clones.get(clone, Clone()).started)
        if lacking:
            return f"{clone} does not run on {', '.join(lacking)}"
    there = status.promoted(haproxy)
    return f"{haproxy} is promoted on {there or 'no node'}, not {leads}" if there != leads else ""


def _reasons(
    now: Snapshot, nodes: Sequence[str], pgsql: str, haproxy: str, primary: str | None
) -> Iterable[str]:
    status = now.status
    yield misplaced(status, nodes, pgsql, haproxy)
    leads = status.promoted(pgsql)
    if leads is None:
        return
    yield f"{pgsql} is promoted on {leads}, not {primary}" if primary not in (None, leads) else ""
    yield f"failed action {status.failures[0]}" if status.failures else ""
    yield f"constraint {now.moves[0]} is left from a move" if now.moves else ""
    for node in nodes:
        role, wanted = now.roles.get(node, DOWN), PRIMARY if node == leads else STANDBY
        yield f"PostgreSQL on {node} is {role}, not {wanted}" if role != wanted else ""
    silent = sorted(set(nodes) - {leads} - set(now.streaming))
    yield f"{', '.join(silent)} not streaming from {leads}" if silent else ""
    for node in nodes:
        yield _routing(node, now.servers.get(node), nodes, leads)
    yield "" if now.idle else "Pacemaker is not idle"


def _routing(node: str, states: Mapping[str, str] | None, nodes: Sequence[str], leads: str) -> str:
    if states is None:
        return f"HAProxy on {node} does not answer"
    for each in nodes:
        pool, other = ("prod", "stdby") if each == leads else ("stdby", "prod")
        if states.get(f"{pool}/{each}") != UP:
            return f"HAProxy on {node} has {pool}/{each} {states.get(f'{pool}/{each}')}"
        if states.get(f"{other}/{each}", "").startswith("ready"):
            return f"HAProxy on {node} has {other}/{each} ready"
    return ""
