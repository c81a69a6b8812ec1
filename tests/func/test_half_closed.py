"""Connections of which one side has closed, with times that a test can wait for."""

from __future__ import annotations

import socket
import struct
import subprocess
from pathlib import Path

import pytest

from tests.tools import TEMPLATE
from tests.tools.instance import connect_plain
from tests.tools.node import PROD, ROLE, Cluster, Node
from tests.tools.waiting import always, eventually

TIMES = {"timeout client-fin 30s": "timeout client-fin 1s", "server-fin 1h": "server-fin 2s"}
STARTUP = b"user\0app\0database\0postgres\0application_name\0half\0\0"
ROWS = 8


@pytest.fixture
def node(cluster: Cluster, tmp_path: Path) -> Node:
    text = TEMPLATE.read_text()
    for old, new in TIMES.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    template = tmp_path / "times.j2"
    template.write_text(text)
    for each in cluster.nodes:
        each.params["template"] = str(template)
    cluster.start()
    return cluster.srv2


def login(node: Node) -> socket.socket:
    """Returns a session of which nothing is left to read."""
    client = connect_plain(node.address, PROD)
    client.sendall(struct.pack(">II", len(STARTUP) + 8, 196608) + STARTUP)
    said = b""
    while not said.endswith(b"Z\0\0\0\x05I"):
        said += client.recv(4096)
    return client


def query(client: socket.socket, text: str) -> None:
    body = text.encode() + b"\0"
    client.sendall(b"Q" + struct.pack(">I", len(body) + 4) + body)


def sessions(node: Node) -> int:
    lines = node.haproxy("show stat prod 1 -1").splitlines()
    columns = lines[0].lstrip("# ").split(",")
    return int(dict(zip(columns, lines[1].split(",")))["scur"])


def test_a_client_that_stays_after_the_server_has_closed(node: Node, cluster: Cluster) -> None:
    with login(node):
        assert sessions(node) == 1
        cluster.srv1.postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'half'"
        )
        eventually(lambda: sessions(node) == 0, "HAProxy has closed it", within=5)


def test_a_slow_copy_whose_client_has_closed_its_sending_side(node: Node) -> None:
    with login(node) as client:
        rows = f"SELECT repeat('x', 9000), pg_sleep(0.5) FROM generate_series(1, {ROWS})"
        query(client, f"COPY ({rows}) TO STDOUT")
        client.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: client.recv(65536), b""))
    assert said.count(b"x" * 9000) == ROWS, "it lasted longer than server-fin, and came whole"


def test_a_server_that_says_nothing_to_a_client_that_has_closed(node: Node) -> None:
    with login(node) as client:
        query(client, "SELECT pg_sleep(6)")
        always(lambda: sessions(node) == 1, "with both sides open it may take its time", during=2.5)
        client.shutdown(socket.SHUT_WR)
        eventually(lambda: sessions(node) == 0, "HAProxy has closed it", within=3.2)


def test_keepalives_end_what_a_node_without_power_leaves_on_the_role_port(cluster: Cluster) -> None:
    """After the first question, HAProxy's own timeout may not run (docs/traps/haproxy.md)."""
    cluster.start()
    node = cluster.srv1
    with socket.create_connection((node.address, ROLE), timeout=5) as client:
        client.sendall(b"prod,stdby keep\n")
        assert client.recv(64)
        source = f"{client.getsockname()[0]}:{client.getsockname()[1]}"
        shown = subprocess.run(
            ["ss", "-Htno", "state", "established", "dst", source],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    assert f":{ROLE}" in shown and "timer:(keepalive," in shown
