"""The distribution's HAProxy under systemd, with a configuration that checks servers."""

from __future__ import annotations

from collections.abc import Sequence

from ..node import NODES, Node, named
from . import pooler
from .base import HAPROXY_SOCKET
from .paf import OnPaf

FILE = "etc/haproxy/haproxy.cfg"
HEAD = f"""global
    stats socket {HAPROXY_SOCKET} mode 600 level admin
    user haproxy
    group haproxy
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout check 5s
"""
PORTS = {"prod": 5432, "stdby": 5433}
DECK = "inter 2s fastinter 1s rise 2 fall 1 on-marked-down shutdown-sessions"
"""The deck's pace; for all topologies whose source names no other."""
FAST_FAILURE = ("timeout connect 1s", "timeout check 1s", "retries 2", "option redispatch 1")
"""A server that answers nothing costs a client 1 s, then it gets another server (HAProxy
Configuration Manual: "timeout connect", "timeout check", "retries", "option redispatch")."""


def pool(
    name: str,
    checks: Sequence[str],
    pace: str = DECK,
    check: str = "check",
    port: int | None = None,
    pgport: int = 5434,
) -> str:
    """Returns a `listen` section that leads to every node that its checks let pass. port: the one
    that it listens on, by default that of the pool.
    """
    lines = [f"listen {name}", f"    bind *:{port or PORTS[name]}"]
    lines += ["    balance leastconn"] if name == "stdby" else []
    lines += [f"    {line}" for line in checks]
    lines += [f"    default-server {pace}"]
    lines += [f"    server {node.name} {node.address}:{pgport} {check}" for node in NODES]
    return "\n".join(lines) + "\n"


def serve(node: Node, *sections: str) -> None:
    """Lets the node's haproxy.service run with a configuration of these sections."""
    text = HEAD + "".join(sections)
    file = node.root / FILE
    same = file.exists() and file.read_text() == text
    file.write_text(text)
    node.run("haproxy", "-c", "-q", "-f", f"/{FILE}")
    node.run("systemctl", "unmask", "--quiet", "haproxy")
    node.run("systemctl", "enable", "--now", "--quiet", "haproxy")
    if not same:
        node.run("systemctl", "restart", "haproxy")


class OnPafWithProxy(OnPaf):
    """PAF, and the distribution's HAProxy on every node that checks who is what."""

    def sections(self) -> tuple[str, ...]:
        """Returns the sections of HAProxy's configuration."""
        raise NotImplementedError

    def route(self, node: Node) -> None:
        serve(node, *self.sections())

    def pool(self) -> int:
        return pooler.start(named(self.primary() or ""))
