"""What a topology costs while nothing happens: CPU at rest, latency, throughput, connections."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from typing import Any

from ..bench import rest
from ..drill import commands, table
from ..drill.figures import median
from ..drill.programs import CLIENTS
from ..drill.records import CONNECTING
from ..errors import LabError
from ..layout import PGBIN
from ..node import NODES, Node, named
from ..topology import Topology

REST = 30.0  # s
ROUNDS = 300  # connections by each way
BENCH = 5.0  # s of each run of pgbench
TURNS = 3  # of each kind and way, in turn
KINDS = {
    "select": ("-S", "-c", "8", "-j", "2"),
    "write": ("-N", "-c", "8", "-j", "2"),
    "connect": ("-C", "-S", "-c", "8", "-j", "2"),
}
"""Options of pgbench: the built-in scripts select-only and simple-update, and a new connection for
each transaction."""
TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


@dataclass(frozen=True)
class Steady:
    """through: what the topology offers; direct: port 5434 of the primary, in the same minute."""

    cpu: float
    """CPU s per hour of a node, all its processes, the mean of all nodes."""
    connect: tuple[float, float]
    """Median s until a session stands: through, direct."""
    query: tuple[float, float]
    """Median s of a SELECT 1 on it: through, direct."""
    tps: dict[str, tuple[float, float]]
    """By kind: median transactions/s: through, direct."""


def measure(topology: Topology) -> Steady:
    """Measures on a standby's node. Raises LabError if anything fails."""
    topology.await_whole()
    spent = rest.cpu(NODES, REST)
    cpu = sum(spent.values()) / len(spent)
    primary = named(topology.primary() or "")
    here = next(node for node in reversed(NODES) if node is not primary)
    password = secrets.token_hex(16)
    table.make(primary, topology.settings, password)
    try:
        who = {"user": topology.settings.user, "password": password, "dbname": "app"}
        through = {**topology.reach(CONNECTING), **who}
        direct = {"host": primary.address, "port": 5434, **who}
        # pgbench's tables go where those of the drills are, and go away with them.
        grant = f"GRANT CREATE ON SCHEMA drill TO {topology.settings.user}"
        commands.psql(primary, topology.settings, grant, topology.settings.database)
        connect, query = _latency(here, through, direct)
        tps = _throughput(here, through, direct)
    finally:
        table.drop(primary, topology.settings)
    return Steady(cpu, connect, query, tps)


def _latency(
    node: Node, through: dict[str, Any], direct: dict[str, Any]
) -> tuple[tuple[float, float], tuple[float, float]]:
    targets = {"through": through, "direct": direct}
    told = _ask(node, "latency.py", {"rounds": ROUNDS, "targets": targets})
    connect, query = (
        tuple(median([pair[which] for pair in told[name]]) for name in targets) for which in (0, 1)
    )
    return (connect[0], connect[1]), (query[0], query[1])


def _throughput(
    node: Node, through: dict[str, Any], direct: dict[str, Any]
) -> dict[str, tuple[float, float]]:
    _pgbench(node, direct, "-i", "-q", "-s", "10")
    found: dict[str, tuple[float, float]] = {}
    for kind, options in KINDS.items():
        rates: tuple[list[float], list[float]] = ([], [])
        for _ in range(TURNS):
            for way, into in zip((through, direct), rates):
                into.append(_tps(_pgbench(node, way, "-n", "-T", f"{BENCH:g}", *options)))
        found[kind] = median(rates[0]), median(rates[1])
    return found


def _tps(text: str) -> float:
    match = TPS.search(text)
    if match is None:
        raise LabError(f"pgbench tells no tps: {text[-200:]}")
    return float(match[1])


def _pgbench(node: Node, way: dict[str, Any], *options: str) -> str:
    # By the environment: arguments are for everybody to see.
    script = 'read -r PGPASSWORD; export PGPASSWORD; exec "$@"'
    target = " ".join(f"{key}={value}" for key, value in way.items() if key != "password")
    words = ("bash", "-c", script, "bash", f"{PGBIN}/pgbench", *options, target)
    return node.run(*words, input=f"{way['password']}\n", timeout=180).stdout


def _ask(node: Node, program: str, settings: dict[str, Any]) -> Any:
    text = (CLIENTS / program).read_text()
    line = json.dumps(settings) + "\n"
    return json.loads(node.run("python3", "-c", text, input=line, timeout=180).stdout)
