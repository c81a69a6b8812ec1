"""What our HAProxy costs a session more than one that has nothing to know: beside it on the same
node, with one server and no check at all.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from ..drill.audits import Finding
from ..drill.figures import median
from ..drill.settings import Settings
from ..node import Node
from . import sessions

OURS, PLAIN, DIRECT = "paf-haproxy", "plain HAProxy", "direct"
PORT = 26432
FILE = "/run/plain-haproxy.cfg"
PIDFILE = "/run/plain-haproxy.pid"
CONFIGURATION = """global
    pidfile {pidfile}
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen plain
    bind 127.0.0.1:{port}
    server primary {address}:5434
"""
SHARE = 0.95
"""The bar: of the plain one's throughput."""
ROUNDS = 2000  # connections by each way
BENCH = 2  # s of each run of pgbench: the machine's own ups and downs are longer, and cancel out


@dataclass(frozen=True)
class Found:
    """By way: connect and query: median s. tps: by kind, then by way: transactions per s of each
    turn."""

    connect: dict[str, float]
    query: dict[str, float]
    tps: dict[str, dict[str, list[float]]]


def measure(node: Node, primary: Node, turns: int) -> Found:
    """Measures on a node, all ways in turn. Raises LabError if anything fails."""
    settings = Settings()
    with plain(node, primary.address), sessions.user(primary, settings) as who:
        ways: dict[str, dict[str, Any]] = {
            OURS: {"host": "127.0.0.1", "port": settings.prod_port, **who},
            PLAIN: {"host": "127.0.0.1", "port": PORT, **who},
            DIRECT: {"host": primary.address, "port": settings.pgport, **who},
        }
        took = sessions.latency(node, ways, ROUNDS)
        tps = sessions.throughput(node, ways, turns, BENCH)
    connect, query = ({way: pair[which] for way, pair in took.items()} for which in (0, 1))
    return Found(connect, query, tps)


@contextlib.contextmanager
def plain(node: Node, address: str) -> Iterator[None]:
    """A HAProxy on the node that leads to that address whatever happens there."""
    text = CONFIGURATION.format(pidfile=PIDFILE, port=PORT, address=address)
    node.run("sh", "-c", f"cat >{FILE}", input=text)
    try:
        node.run("haproxy", "-D", "-f", FILE)
        yield
    finally:
        stop = f"[ ! -e {PIDFILE} ] || kill $(cat {PIDFILE})"
        node.run("sh", "-c", f"{stop}; rm -f {FILE} {PIDFILE}", check=False)


def judge(found: Found) -> list[Finding]:
    """Returns the verdict. Pure."""
    return [_share(kind, rates) for kind, rates in found.tps.items()] + [
        _added("connecting", found.connect),
        _added("SELECT 1", found.query),
    ]


def _share(kind: str, rates: Mapping[str, Sequence[float]]) -> Finding:
    """Of each turn the one rate over the other; their median is judged."""
    pairs = zip(rates[OURS], rates[PLAIN])
    shares = sorted(ours / plain if plain > 0 else 0.0 for ours, plain in pairs)
    low, high = interval(len(shares))
    told = [f"{way} {median(values):.0f}/s" for way, values in rates.items()]
    detail = ", ".join([*told, f"95 % sure: {shares[low]:.3f} to {shares[high]:.3f}"])
    share = median(shares)
    name = f"pgbench {kind}, ours / plain HAProxy's"
    return Finding(name, share >= SHARE, f"{share:.3f}", f"{SHARE:g}", detail)


def interval(size: int) -> tuple[int, int]:
    """Returns which of so many sorted values enclose their median with a confidence of 95 %.

    By the normal approximation of the binomial distribution: of each value it is a coin's throw
    whether it is below.
    """
    half = NormalDist().inv_cdf(0.975) * math.sqrt(size) / 2
    low = max(math.floor(size / 2 - half), 0)
    return low, size - 1 - low


def _added(what: str, took: Mapping[str, float]) -> Finding:
    """Told, and judged with the room that the throughput has."""
    share = took[PLAIN] / took[OURS] if took[OURS] > 0 else 0.0
    detail = ", ".join(f"{way} {seconds * 1000:.3f} ms" for way, seconds in took.items())
    name = f"{what}, plain HAProxy's time / ours"
    return Finding(name, share >= SHARE, f"{share:.3f}", f"{SHARE:g}", detail)


def as_json(found: Found, node: str, turns: int) -> dict[str, Any]:
    """Returns the figures: s and transactions per s. Pure."""
    return {"node": node, "turns": turns, **vars(found)}
