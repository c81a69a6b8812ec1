"""The full-screen view of `status --watch`. The only module that needs python3-rich. Pure."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..routing import PROD, STDBY
from .changes import History
from .findings import CRITICAL, OK, WARNING, since, size
from .show import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, RenderableType

    from .findings import Finding
    from .survey import Cluster, Node

COLOURS = {OK: "", WARNING: "yellow", CRITICAL: "bold red"}
STATES = {"UP": "green", "DRAIN": "yellow", "DOWN": "red", "MAINT": "dim"}
FOR_CHANGES = 7
"""Lines that the findings leave free for the changes."""


@dataclass
class Watched:
    """What the view shows. here: this node. looked: when `cluster` and `findings` were found, s of
    the epoch. opened: when the view was. trouble: why the last look failed, or ''.
    """

    here: str
    every: float
    opened: float
    cluster: Cluster
    findings: Sequence[Finding]
    looked: float
    trouble: str = ""
    history: History = field(default_factory=History)


def screen(console: Console, watched: Watched) -> RenderableType:
    """Returns the view. The oldest changes are left out if there is no room for all."""
    head = [
        _head(watched),
        Text(),
        nodes(watched.cluster),
        Text(),
        servers(watched.cluster),
        Text(),
    ]
    options = console.options.update(height=None)
    for shown in range(len(watched.findings), -1, -1):
        top = Group(*head, *_findings(watched, shown))
        taken = len(console.render_lines(top, options, pad=False))
        if taken + FOR_CHANGES <= console.height:
            break
    return Group(top, Text(), changes(watched, console.height - taken - 3))


def clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _head(watched: Watched) -> RenderableType:
    cluster = watched.cluster
    node = cluster.node(watched.here)
    role = node.view.role if node and node.view else "no answer" if node else "no PostgreSQL"
    primary = " and ".join(cluster.promoted) or "none"
    left = Text.assemble(
        (watched.here, "bold"), f": {role}  primary: ",
        (primary, "bold" if len(cluster.promoted) == 1 else "bold red"),
    )  # fmt: skip
    right = Text(f"{clock(watched.looked)}  every {watched.every:g} s  q: quit", "dim")
    grid = Table.grid(expand=True)
    grid.add_column(overflow="fold")
    grid.add_column(justify="right", overflow="fold")
    grid.add_row(left, right)
    return grid


def _table(*heads: str) -> Table:
    found = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for head in heads:
        found.add_column(head, overflow="fold")
    return found


def nodes(cluster: Cluster) -> Table:
    """Returns what Pacemaker, PostgreSQL and replication say of each node."""
    found = _table("NODE", "PACEMAKER", "POSTGRESQL", "", "TL", "LAG", "SYNC")
    first = next((n.view for n in cluster.nodes if n.name in cluster.promoted and n.view), None)
    sync = (first.sync if first else None) or {}
    for node in cluster.nodes:
        view = node.view
        if view is None:
            found.add_row(node.name, _pacemaker(node), Text("HAProxy does not answer", "red"))
            continue
        lag = size(view.lag) if view.lag is not None else "-"
        style = "bold" if view.role == "production" else ""
        cells = (since(view.seconds), str(view.timeline or "-"), lag, sync.get(node.name, "-"))
        found.add_row(node.name, _pacemaker(node), Text(view.role, style), *cells)
    return found


def _pacemaker(node: Node) -> str:
    words = [node.postgres or ("stopped" if node.online else "offline")]
    words += [word for word in ("standby", "maintenance", "drained") if getattr(node, word)]
    return ", ".join(words)


def servers(cluster: Cluster) -> Table:
    """Returns the states of the servers of both pools. HAProxys that agree share a line."""
    found = _table("HAPROXY ON", "PROD", "STDBY")
    agree: dict[tuple[tuple[tuple[str, str], ...], ...], list[str]] = {}
    for node in cluster.nodes:
        if node.view is not None:
            states = tuple(
                tuple((each.node, each.status) for each in node.view.servers if each.pool == pool)
                for pool in (PROD, STDBY)
            )
            agree.setdefault(states, []).append(node.name)
    for states, names in agree.items():
        found.add_row(" ".join(names), *(_states(each) for each in states))
    return found


def _states(pool: Iterable[tuple[str, str]]) -> Text:
    words = [
        Text(f"{node} {status}", STATES.get(status.partition(" ")[0], "")) for node, status in pool
    ]
    return Text("  ").join(words)


def _findings(watched: Watched, shown: int) -> list[Text]:
    lines = []
    if watched.trouble:
        text = f"{watched.trouble}; all above is of {clock(watched.looked)}"
        lines.append(Text(text, "bold red"))
    elif not watched.findings:
        lines.append(Text("Pacemaker, PostgreSQL and every HAProxy agree.", "green"))
    for each in watched.findings[:shown]:
        lines.append(Text(f"{WORDS[each.grade]}: {each.text}", COLOURS[each.grade]))
    if left := len(watched.findings) - shown:
        lines.append(Text(f"and {left} more: paf-haproxy status"))
    return lines


def changes(watched: Watched, most: int) -> RenderableType:
    """Returns the latest changes. most: how many at most."""
    title = Text(f"Changes since {clock(watched.opened)}", "bold")
    if not watched.history.changes:
        title.append(": none", "not bold")
        return title
    found = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    for _ in range(4):
        found.add_column(overflow="fold")
    for each in list(watched.history.changes)[: max(most, 1)]:
        change = Text.assemble((each.old, "dim"), " → ", (each.new, "bold"))
        found.add_row(clock(each.at), " ".join(each.nodes), each.what, change)
    return Group(title, found)
