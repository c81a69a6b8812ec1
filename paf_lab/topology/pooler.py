"""PgBouncer on every node, in front of the node's own HAProxy, whatever leads that one."""

from __future__ import annotations

from ..node import NODES, Node
from ..scripts import script
from ..shell import together

NAME = "45-pgbouncer"
"""Of pcs-scripts. Its databases lead to 127.0.0.1:5432, and those for readers to 5433."""
PORT = 6432


def start(primary: Node) -> int:
    """Starts PgBouncer on every node of a cluster that works. Returns its port."""
    script(primary, NAME, "role")
    together(lambda node: script(node, NAME, "node"), NODES)
    return PORT
