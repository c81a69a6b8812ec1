"""The survey as text for a terminal, and as JSON. Pure."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from ..routing import PROD, STDBY
from .findings import CRITICAL, OK, WARNING, since, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .findings import Finding
    from .survey import Cluster, Node

HEAD = (
    "NODE",
    "PACEMAKER",
    "POSTGRESQL",
    "",
    "TL",
    "LAG",
    "SYNC",
    "PROD LEADS TO",
    "STDBY LEADS TO",
)
WORDS = {OK: "note", WARNING: "warning", CRITICAL: "critical"}


def screen(cluster: Cluster, found: Sequence[Finding]) -> str:
    """Returns the table of all nodes and what was found, with a final newline."""
    first = next((n.view for n in cluster.nodes if n.name in cluster.promoted and n.view), None)
    sync = (first.sync if first else None) or {}
    lines = table([HEAD, *(row(node, sync) for node in cluster.nodes)])
    lines.append("")
    if not found:
        lines.append("Pacemaker, PostgreSQL and every HAProxy agree.")
    lines += [f"{WORDS[finding.grade]}: {finding.text}" for finding in found]
    return "\n".join(lines) + "\n"


def row(node: Node, sync: dict[str, str]) -> tuple[str, ...]:
    words = [node.postgres or ("stopped" if node.online else "offline")]
    words += [word for word in ("standby", "maintenance") if getattr(node, word)]
    if node.drained:
        words.append("drained")
    pacemaker = ", ".join(words)
    view = node.view
    if view is None:
        return (node.name, pacemaker, "?", "", "", "", "", "HAProxy does not answer", "")
    return (
        node.name,
        pacemaker,
        view.role,
        since(view.seconds),
        str(view.timeline or "-"),
        size(view.lag) if view.lag is not None else "-",
        sync.get(node.name, "-"),
        " ".join(view.pool(PROD)) or "nobody",
        " ".join(view.pool(STDBY)) or "nobody",
    )


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the rows as lines, in columns as wide as their widest word."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(map(str.ljust, each, widths)).rstrip() for each in rows]


def document(cluster: Cluster, found: Sequence[Finding]) -> str:
    """Returns all of it as JSON, with a final newline."""
    return (
        json.dumps(
            {
                "promoted": cluster.promoted,
                "nodes": [dataclasses.asdict(node) for node in cluster.nodes],
                "findings": [
                    {"grade": WORDS[finding.grade], "text": finding.text} for finding in found
                ],
            },
            indent=2,
        )
        + "\n"
    )
