"""What has changed from one survey to the next. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .survey import Cluster, Node, View

KEPT = 200
NONE = "none"
"""The value of a fact for which there is nothing, such as the sync state of the primary."""


@dataclass(frozen=True)
class Change:
    """at: when it was seen, s of the epoch. nodes: where; () if it is about the whole cluster."""

    at: float
    nodes: tuple[str, ...]
    what: str
    old: str
    new: str


class History:
    """The latest changes since the first survey, the newest first."""

    def __init__(self) -> None:
        self.changes: deque[Change] = deque(maxlen=KEPT)
        self._known: dict[tuple[str, str], str] = {}

    def take(self, at: float, cluster: Cluster) -> None:
        """Compares a survey with the facts that are known, and keeps what has changed.

        If a node does not answer, its last facts stay. They are compared when it answers again.
        """
        now = facts(cluster)
        for change in reversed(differences(self._known, now, at)):
            self.changes.appendleft(change)
        self._known.update(now)


def facts(cluster: Cluster) -> dict[tuple[str, str], str]:
    """Returns what can change, by its name and its node."""
    found = {("primary in Pacemaker", ""): " ".join(cluster.promoted) or NONE}
    first = next((n.view for n in cluster.nodes if n.name in cluster.promoted and n.view), None)
    for node in cluster.nodes:
        told = _pacemaker(node)
        told["HAProxy"] = "no answer" if node.view is None else "answers"
        if node.view is not None:
            told.update(_haproxy(node.view))
        if first is not None and first.sync is not None:
            told["replication"] = first.sync.get(node.name, NONE)
        found.update({(what, node.name): value for what, value in told.items()})
    return found


def _pacemaker(node: Node) -> dict[str, str]:
    modes = [word for word in ("standby", "maintenance") if getattr(node, word)]
    return {
        "node": " ".join(modes or ["online"]) if node.online else "offline",
        "PostgreSQL in Pacemaker": node.postgres or "stopped",
        "drained by a person": "yes" if node.drained else "no",
    }


def _haproxy(view: View) -> dict[str, str]:
    servers = {f"server {each.pool}/{each.node}": each.status for each in view.servers}
    return {
        "PostgreSQL": view.role,
        "timeline": str(view.timeline or NONE),
        "parameters rejected": view.rejected or NONE,
        **servers,
    }


def differences(
    before: dict[tuple[str, str], str], after: dict[tuple[str, str], str], at: float
) -> list[Change]:
    """Returns the facts that differ. Those that changed alike on several nodes become one."""
    nodes: dict[tuple[str, str, str], list[str]] = {}
    for (what, node), new in after.items():
        old = before.get((what, node), new)
        if old != new:
            nodes.setdefault((what, old, new), []).append(node)
    return [
        Change(at, tuple(filter(None, where)), what, old, new)
        for (what, old, new), where in nodes.items()
    ]
