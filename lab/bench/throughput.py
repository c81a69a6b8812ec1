"""What our HAProxy costs a session more than one that has nothing to know: beside it on the same
node, with one server and no check at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..drill.audits import Finding
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


@dataclass(frozen=True)
class Found:
    """By way: connect and query: median s. tps: by kind, then by way: median transactions per s."""

    connect: dict[str, float]
    query: dict[str, float]
    tps: dict[str, dict[str, float]]


def measure(node: Node, primary: Node, turns: int) -> Found:
    """Measures on a node, all ways in turn. Raises LabError if anything fails."""
    settings = Settings()
    with plain(node, primary.address), sessions.user(primary, settings) as who:
        ways = {
            OURS: {"host": "127.0.0.1", "port": settings.prod_port, **who},
            PLAIN: {"host": "127.0.0.1", "port": PORT, **who},
            DIRECT: {"host": primary.address, "port": settings.pgport, **who},
        }
        took = sessions.latency(node, ways)
        tps = sessions.throughput(node, ways, turns)
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


def _share(kind: str, rates: Mapping[str, float]) -> Finding:
    share = rates[OURS] / rates[PLAIN] if rates[PLAIN] > 0 else 0.0
    detail = ", ".join(f"{way} {rate:.0f}/s" for way, rate in rates.items())
    name = f"pgbench {kind}, ours / plain HAProxy's"
    return Finding(name, share >= SHARE, f"{share:.3f}", f"{SHARE:g}", detail)


def _added(what: str, took: Mapping[str, float]) -> Finding:
    """Told, and judged with the room that the throughput has: a median of 300 is not exact."""
    share = took[PLAIN] / took[OURS] if took[OURS] > 0 else 0.0
    detail = ", ".join(f"{way} {seconds * 1000:.3f} ms" for way, seconds in took.items())
    name = f"{what}, plain HAProxy's time / ours"
    return Finding(name, share >= SHARE, f"{share:.3f}", f"{SHARE:g}", detail)


def as_json(found: Found, node: str, turns: int) -> dict[str, Any]:
    """Returns the figures: s and transactions per s. Pure."""
    return {"node": node, "turns": turns, **vars(found)}
