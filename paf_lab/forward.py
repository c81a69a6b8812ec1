"""A node's ports on the host's loopback: 127.0.0.11 is srv1, 127.0.0.12 srv2, 127.0.0.13 srv3."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable

from rich.console import Console

from . import cgroup, network
from .display import FittedTable
from .errors import LabError
from .node import NODES, Node

PORTS = {5431: "role as text", 5432: "prod", 5433: "stdby", 7000: "statistics", 8008: "HTTP"}


def loopback(node: Node) -> str:
    """Returns the host's address for the node."""
    return f"127.0.0.{11 + NODES.index(node)}" if node in NODES else "127.0.0.10"


def command(node: Node, port: int) -> list[str]:
    """Returns the program that listens on the host and connects from inside the node's network."""
    space = network.SPACES / network.namespace(node.name)
    connect = f"nsenter --net={space} socat STDIO TCP:127.0.0.1:{port}"
    listen = f"TCP-LISTEN:{port},bind={loopback(node)},fork,reuseaddr"
    return ["socat", listen, "EXEC:" + connect.replace(":", "\\:")]


def table(addresses: Iterable[tuple[str, str]]) -> FittedTable:
    """Returns where each port is to be found. addresses: of each node its name and its address on
    the host. Pure.
    """
    names, hosts = zip(*addresses)
    rows = [[what, *(f"{host}:{port}" for host in hosts)] for port, what in PORTS.items()]
    return FittedTable(["", *names], rows)


def forward_ports(nodes: list[Node], console: Console) -> None:
    """Forwards until it is interrupted. Raises LabError if a port is taken."""
    group = f"forward-{os.getpid()}"  # connections are processes, to be ended with us
    programs = {}
    for node in nodes:
        if not node.running:
            raise LabError(f"{node.name} does not run: lab up")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for node in nodes:
            for port in PORTS:
                words = cgroup.wrap(group, command(node, port))
                program = subprocess.Popen(words, stderr=subprocess.DEVNULL)
                programs[program.pid] = f"{loopback(node)}:{port}"
        console.print(table((node.name, loopback(node)) for node in nodes), "Ctrl-C ends it.")
        ended, _ = os.wait()
        raise LabError(f"{programs[ended]} is taken on the host: is another forward running?")
    finally:
        cgroup.kill(group)
