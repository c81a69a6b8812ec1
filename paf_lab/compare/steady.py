"""What a topology costs while nothing happens: CPU at rest, latency, throughput, connections."""

from __future__ import annotations

from dataclasses import dataclass

from ..access import CONNECTING
from ..bench import rest, sessions
from ..bench.sessions import KINDS
from ..drill.figures import median
from ..node import NODES, named
from ..topology import Topology

__all__ = ["KINDS", "Steady", "measure"]
REST = 30.0  # s
ROUNDS = 300  # connections by each way
TURNS = 3  # of each kind and way, in turn
BENCH = 5  # s of each run of pgbench; it takes whole ones


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
    with sessions.user(primary, topology.access) as who:
        through = {**topology.reach(CONNECTING), **who}
        direct = {"host": primary.address, "port": 5434, **who}
        ways = {"through": through, "direct": direct}
        took = sessions.latency(here, ways, ROUNDS)
        rates = sessions.throughput(here, ways, TURNS, BENCH)
    connect, query = zip(*(took[way] for way in ways))
    tps = {
        kind: (median(found["through"]), median(found["direct"])) for kind, found in rates.items()
    }
    return Steady(cpu, connect, query, tps)
