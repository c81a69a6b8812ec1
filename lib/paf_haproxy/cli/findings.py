"""Which faults the cluster has, and why a server is in a pool or not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..routing import PROD, STDBY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .survey import Cluster, Node, Server, View

# Exit codes as monitoring plugins have them (Monitoring Plugins Development Guidelines).
OK, WARNING, CRITICAL, UNKNOWN = range(4)
GONE = ("L4CON", "L4TOUT")
HANGS = "L7TOUT"
GRANT = "GRANT pg_read_all_stats TO the agent's role in PostgreSQL"


@dataclass(frozen=True)
class Finding:
    """grade: OK (worth knowing), WARNING (served, but not as it should be), CRITICAL (writes are
    not served everywhere).
    """

    grade: int
    text: str


def findings(cluster: Cluster) -> list[Finding]:
    """Returns everything that is not as it should be, the worst first."""
    found = [*_primary(cluster)]
    for node in cluster.nodes:
        found += _node(cluster, node)
    return sorted(found, key=lambda finding: -finding.grade)


def grade(found: list[Finding]) -> int:
    """Returns the exit code of a check."""
    return max((finding.grade for finding in found), default=OK)


def _primary(cluster: Cluster) -> Iterator[Finding]:
    if not cluster.promoted:
        yield Finding(CRITICAL, "Pacemaker has promoted no PostgreSQL")
    elif len(cluster.promoted) > 1:
        yield Finding(CRITICAL, f"Pacemaker has promoted several: {' '.join(cluster.promoted)}")
    if all(node.view is None for node in cluster.nodes):
        yield Finding(CRITICAL, "no HAProxy answers on any node")


def _node(cluster: Cluster, node: Node) -> Iterator[Finding]:
    name, view = node.name, node.view
    if not node.online:
        yield Finding(WARNING, f"{name}: the node is not in the cluster")
    elif node.standby or node.maintenance:
        yield Finding(
            WARNING, f"{name}: the node is in {'standby' if node.standby else 'maintenance'}"
        )
    if node.drained:
        yield Finding(OK, f"{name}: drained by a person: no new connections through stdby")
    if node.unresolved:
        text = f"{name}: host {node.unresolved} does not resolve on this node"
        yield Finding(WARNING, f"{text}: correct DNS, /etc/hosts or parameter nodes")
    if node.pooler:
        text = f"{name}: {node.pooler}: systemctl status pgbouncer"
        yield Finding(WARNING, f"{text}; without it sessions end in a switchover")
    if view is None:
        if node.online:
            why = f"; its last failure in Pacemaker: {node.failure}" if node.failure else ""
            yield Finding(WARNING, f"{name}: HAProxy does not answer{why}")
        return
    if view.unknown:
        yield Finding(WARNING, f"{name}: PostgreSQL does not tell its role: {view.unknown}")
    if view.rejected:
        yield Finding(
            WARNING, f"{name}: {view.rejected}; HAProxy keeps the last valid configuration"
        )
    expected = _expected(node)
    if view.unknown and view.role == "unknown":
        pass  # that is a finding already
    elif view.role != expected:
        bad = CRITICAL if node.postgres == "Promoted" or view.role == "production" else WARNING
        says = f"{name}: PostgreSQL is {view.role} {since(view.seconds)}"
        yield Finding(bad, f"{says}, Pacemaker has it {_has(node)}")
    elif view.role == "standby" and not node.standby:
        yield from _replication(cluster, node, view)
    yield from _routing(cluster, node, view)


def _expected(node: Node) -> str:
    return {"Promoted": "production", "Unpromoted": "standby"}.get(node.postgres, "down")


def _has(node: Node) -> str:
    return node.postgres.lower() or "stopped"


def _replication(cluster: Cluster, node: Node, view: View) -> Iterator[Finding]:
    first = next((n.view for n in cluster.nodes if n.name in cluster.promoted), None)
    if first and first.sync is None:
        yield Finding(OK, f"{node.name}: whether it streams cannot be seen: {GRANT}")
    elif first and first.sync is not None and node.name not in first.sync:
        yield Finding(WARNING, f"{node.name}: does not stream from {cluster.promoted[0]}")
    elif view.lagging:
        yield Finding(WARNING, f"{node.name}: lags {size(view.lag)}, past max_lag: not in stdby")


def _routing(cluster: Cluster, node: Node, view: View) -> Iterator[Finding]:
    for other in cluster.nodes:
        if other.name in view.silent and other.online:
            text = f"{node.name}: HAProxy on {other.name} does not answer the one here"
            yield Finding(WARNING, f"{text}; allow the role port between the nodes")
    leads = view.pool(PROD)
    if leads != cluster.promoted:
        where = f"leads prod to {' '.join(leads)}" if leads else "has no primary for prod"
        seconds = max((s.seconds for s in view.servers if s.pool == PROD and s.up), default=0)
        wait = f"; {view.held} connections wait" if view.held else ""
        yield Finding(CRITICAL, f"{node.name}: HAProxy {where} {since(seconds)}{wait}".rstrip())
    for other in cluster.nodes:
        server = view.server(STDBY, other.name)
        told = other.view
        fit = (
            told is not None
            and told.role == "standby"
            and not (other.drained or told.lagging or told.probation)
        )
        if server and fit and not server.up:
            text = f"{node.name}: HAProxy does not lead stdby to {other.name}: {server.status}"
            yield Finding(WARNING, f"{text} {since(server.seconds)}")


def explain(cluster: Cluster, node: Node, pool: str, view: View, where: str) -> str:
    """Returns a sentence: why the HAProxy of `where` leads new connections of a pool to a node, or
    why not.
    """
    server = view.server(pool, node.name)
    if server is None:
        return f"{pool}: HAProxy on {where} knows no server {node.name}: it is no backend"
    verb = "is in" if server.up else "is not in"
    why = _why(cluster, node, server, node.name in view.silent)
    if node.view and node.view.unknown:
        why += f"; its PostgreSQL does not tell its role: {node.view.unknown}"
    return f"{pool}: {node.name} {verb} {pool} on {where} {since(server.seconds)}: {why}"


def _why(cluster: Cluster, node: Node, server: Server, silent: bool) -> str:
    promoted = " ".join(cluster.promoted) or "nobody"
    fits = "the primary" if server.pool == PROD else "a standby"
    if server.up and silent:
        if server.pool == PROD:
            return (
                "its HAProxy does not answer; it was the primary, Pacemaker has promoted it, and"
                " its PostgreSQL has not been restarted since"
            )
        return "its HAProxy does not answer, its PostgreSQL does, and it is not the primary"
    if server.up:
        if server.pool == PROD:
            return "Pacemaker has promoted it, and its PostgreSQL says that it is the primary"
        return "its PostgreSQL answers and says that it is a standby"
    if server.status.startswith("MAINT"):
        if server.pool == PROD:
            return f"Pacemaker has promoted {promoted}"
        return "it is the primary"
    if server.status.startswith("DRAIN"):
        return _drained(node, server)
    if server.check.lstrip("* ") in GONE:
        return f"its PostgreSQL cannot be reached ({server.check.lstrip('* ')})"
    if server.check.lstrip("* ") == HANGS:
        return f"its PostgreSQL accepts connections and does not answer ({HANGS})"
    if silent:
        return "its HAProxy, which says its role, cannot be reached"
    if node.view and node.view.probation:
        return "it has only just come back: readers are led to the others for a moment"
    says = node.view.role if node.view else "nothing"
    return f"its PostgreSQL is not {fits}: it says {says}"


def _drained(node: Node, server: Server) -> str:
    if server.pool == PROD:
        return "it is about to be demoted, or was: only what is open there goes on"
    if node.drained:
        return f"a person drained it; `paf-haproxy undrain {node.name}` ends that"
    if node.view and node.view.lagging:
        return f"it lags {size(node.view.lag)}, more than max_lag"
    return "its role is about to change"


def since(seconds: int) -> str:
    """Returns the words for how long something has been so, e.g. 'for 2 h'."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"for {seconds // length} {unit}"
    return f"for {seconds} s"


def size(number: int | None) -> str:
    """Returns bytes as PostgreSQL writes them, e.g. '16 MB'."""
    if number is None:
        return "unknown"
    for unit, bits in (("GB", 30), ("MB", 20), ("kB", 10)):
        if number >= 10 << bits:
            return f"{number >> bits} {unit}"
    return f"{number} bytes"
