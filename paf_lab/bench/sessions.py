"""What a session costs by several ways to the primary, one after the other: the time to connect and
to ask, and the throughput of pgbench.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from ..access import Access
from ..drill import commands, table
from ..drill.figures import median
from ..drill.programs import CLIENTS
from ..errors import LabError
from ..layout import PGBIN
from ..node import Node

Way = Mapping[str, Any]
"""libpq's parameters."""

KINDS = {
    "select": ("-S", "-c", "8", "-j", "2"),
    "write": ("-N", "-c", "8", "-j", "2"),
    "connect": ("-C", "-S", "-c", "8", "-j", "2"),
}
"""Options of pgbench: the built-in scripts select-only and simple-update, and a new connection for
each transaction."""
TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


@contextlib.contextmanager
def user(primary: Node, access: Access) -> Iterator[dict[str, str]]:
    """Yields libpq's parameters of a role that may make pgbench's tables; those go away with it."""
    password = secrets.token_hex(16)
    table.make(primary, access, password)
    try:
        grant = f"GRANT CREATE ON SCHEMA drill TO {access.user}"
        commands.psql(primary, access, grant, access.database)
        yield {"user": access.user, "password": password, "dbname": access.database}
    finally:
        table.drop(primary, access)


def latency(node: Node, ways: Mapping[str, Way], rounds: int) -> dict[str, tuple[float, float]]:
    """Returns for each way the median s until a session stands, and of a SELECT 1 on it."""
    text = (CLIENTS / "latency.py").read_text()
    line = json.dumps({"rounds": rounds, "targets": ways}) + "\n"
    told = json.loads(node.run("python3", "-c", text, input=line, timeout=180).stdout)
    return {
        way: (median([pair[0] for pair in told[way]]), median([pair[1] for pair in told[way]]))
        for way in ways
    }


def throughput(
    node: Node, ways: Mapping[str, Way], turns: int, seconds: float
) -> dict[str, dict[str, list[float]]]:
    """Returns for each kind and way the transactions per s of so many runs of that length.

    Each turn begins with another way: what comes after a busy one is not always the same.
    """
    first, *_ = ways.values()
    _pgbench(node, first, "-i", "-q", "-s", "10")
    found: dict[str, dict[str, list[float]]] = {}
    for kind, options in KINDS.items():
        found[kind] = {way: [] for way in ways}
        order = deque(ways)
        for _ in range(turns):
            for way in order:
                told = _pgbench(node, ways[way], "-n", "-T", f"{seconds:g}", *options)
                found[kind][way].append(tps(told))
            order.rotate()
    return found


def tps(text: str) -> float:
    """Returns what pgbench tells. Raises LabError if it tells nothing."""
    match = TPS.search(text)
    if match is None:
        raise LabError(f"pgbench tells no tps: {text[-200:]}")
    return float(match[1])


def _pgbench(node: Node, way: Way, *options: str) -> str:
    # By the environment: arguments are for everybody to see.
    script = 'read -r PGPASSWORD; export PGPASSWORD; exec "$@"'
    target = " ".join(f"{key}={value}" for key, value in way.items() if key != "password")
    words = ("bash", "-c", script, "bash", f"{PGBIN}/pgbench", *options, target)
    return node.run(*words, input=f"{way['password']}\n", timeout=180).stdout
