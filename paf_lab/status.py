"""`lab status`: what the nodes, Pacemaker, PostgreSQL and HAProxy say, side by side."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from . import lifecycle, topology
from .display import FittedTable
from .node import ALL, LOG_SINK, NODES, Node

QUERY = """SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END,
(SELECT timeline_id FROM pg_control_checkpoint()),
(SELECT string_agg(application_name || ' ' || sync_state, ', ' ORDER BY 1)
 FROM pg_stat_replication WHERE state = 'streaming'),
(SELECT status || ' from ' || coalesce(sender_host, '') FROM pg_stat_wal_receiver)"""

HEADS = ("node", "address", "runs", "5431", "PostgreSQL", "timeline", "replication")


def postgres(node: Node) -> list[str]:
    """Returns role, timeline and replication of the node's instance."""
    words = ("psql", "-XAt", "-F", "|", "-p", "5434", "-d", "postgres", "-c", QUERY)
    done = node.run(*words, user="postgres", check=False)
    if done.returncode:
        return ["down", "", done.stderr.strip().splitlines()[0] if done.stderr else ""]
    role, timeline, sends, receives = done.stdout.strip().split("|")
    return [role, timeline, sends or receives]


def row(node: Node) -> list[str]:
    """Returns what a node says, in the order of HEADS."""
    cells = [""] * 4
    if node.running and node is not LOG_SINK:
        state = node.run("ncat", "--recv-only", "127.0.0.1", "5431", check=False).stdout
        cells = [state.strip() or "no answer", *postgres(node)]
    return [node.name, node.address, "yes" if node.running else "no", *cells]


def table(rows: Iterable[list[str]]) -> FittedTable:
    """Returns the table of the nodes. Pure."""
    return FittedTable(HEADS, rows)


def show(console: Console) -> int:
    """Prints the tables. Returns 0 if the cluster is healthy, 1 if not."""
    console.print(table(row(node) for node in ALL))
    running = [node for node in NODES if node.running]
    if not running:
        console.print("nothing runs: lab up")
        return 1
    what = topology.named(lifecycle.built())
    console.print(what.status(), markup=False, emoji=False)
    why = what.lacking()
    console.print(f"not healthy: {why}; look at: lab logs" if why else "healthy", markup=False)
    return 1 if why else 0
