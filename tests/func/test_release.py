"""How clients that wait for a primary leave the queue: as PostgreSQL accepts them, or early."""

from __future__ import annotations

import functools
import time
from typing import Any

import psycopg2
import pytest

from tests.func.test_hold import leaderless, queued
from tests.tools.instance import WHO, connect, connect_plain, query
from tests.tools.node import PROD, ROLE, Cluster, Node
from tests.tools.waiting import Waiting, always, eventually

__all__ = ["leaderless"]
WRITE = (
    "INSERT INTO t SELECT current_setting('cluster_name'), now() FROM pg_sleep(0.1) RETURNING node"
)
SLOTS = 17
"""max_connections of the instances, without superuser_reserved_connections."""


def write(address: str) -> Any:
    connection = connect(address, PROD)
    try:
        return query(connection, WRITE)
    finally:
        connection.close()


def limit(node: Node, name: str = "srv1") -> int:
    """Returns how many connections of prod HAProxy would let through to a server."""
    lines = node.haproxy("show stat prod 4 -1").splitlines()
    columns = lines[0].lstrip("# ").split(",")
    rows = [dict(zip(columns, line.split(","))) for line in lines[1:] if line]
    return int(next(row["slim"] for row in rows if row["svname"] == name))


def test_clients_that_gave_up_are_no_longer_in_the_queue(leaderless: Cluster) -> None:
    node = leaderless.srv2
    for _ in range(2):
        clients = [
            Waiting(functools.partial(connect, node.address, PROD, timeout=2)) for _ in range(20)
        ]
        for client in clients:
            with pytest.raises(psycopg2.OperationalError, match="timeout"):
                client.end()
    eventually(lambda: queued(node) == 0, "the queue is empty", within=1)


def test_a_client_that_closes_its_sending_side_leaves_the_queue(leaderless: Cluster) -> None:
    node = leaderless.srv2
    with connect_plain(node.address, PROD) as client:
        client.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f")
        eventually(lambda: queued(node) == 1, "it waits")
        client.shutdown(1)
        eventually(lambda: queued(node) == 0, "it has left", within=1)


def test_three_times_as_many_as_postgresql_accepts_are_all_served(leaderless: Cluster) -> None:
    """They write once and disconnect; none sees 'too many clients already'."""
    clients = [
        Waiting(functools.partial(write, node.address))
        for node in leaderless.nodes
        for _ in range(3 * SLOTS // 2)
    ]
    eventually(lambda: sum(map(queued, leaderless.nodes)) == len(clients), "all wait")
    leaderless.notify("pre-promote", promote=["srv1"])
    assert {client.end(20) for client in clients} == {"srv1"}
    eventually(lambda: limit(leaderless.srv1) == 4000, "and the limit is lifted")


def test_all_of_one_node_are_served_if_postgresql_accepts_them(leaderless: Cluster) -> None:
    """An application that keeps its sessions, and has all of them on one node."""
    node = leaderless.srv2
    clients = [Waiting(functools.partial(connect, node.address, PROD)) for _ in range(12)]
    eventually(lambda: queued(node) == 12, "all wait")
    started = time.monotonic()
    leaderless.notify("pre-promote", promote=["srv1"])
    sessions = [client.end() for client in clients]
    print(f"all served after {time.monotonic() - started:.2f} s")
    try:
        assert [query(session, WHO) for session in sessions] == ["srv1"] * 12
    finally:
        for session in sessions:
            session.close()


def test_how_many_connections_a_node_is_granted(steady: Cluster) -> None:
    """Half of the free connections, and not more than clients wait."""
    srv1, srv2 = steady.nodes

    def granted(question: bytes) -> str:
        return srv1.read(ROLE, b"slots " + question + b"\n").strip()

    most = granted(b"late 0 1000")
    assert granted(b"other 0 1") == "1"
    assert 1 < int(granted(b"other 0 1000")) <= SLOTS // 2
    for strange in (b"", b"other", b"other 1", b"other x 1", b"other -1 1", b"x" * 600 + b" 1 1"):
        assert granted(strange) == "-"
    assert srv2.read(ROLE, b"slots other 0 1\n") == "-\n", "it is not the primary"
    eventually(lambda: granted(b"late 0 1000") == most, "the grants are forgotten")


def test_a_node_that_disconnects_before_the_answer_holds_up_no_other(steady: Cluster) -> None:
    node = steady.srv1
    most = node.read(ROLE, b"slots late 0 1000\n")
    for _ in range(50):
        with connect_plain(node.address, ROLE) as client:
            client.sendall(b"slots gone 0 1\n")
    eventually(lambda: node.read(ROLE, b"slots other 0 1\n") == "1\n", "it is answered", within=3)
    eventually(lambda: node.read(ROLE, b"slots late 0 1000\n") == most, "grants are forgotten")


def test_with_a_primary_no_client_is_queued_by_default(steady: Cluster) -> None:
    for node in steady.nodes:
        eventually(lambda node=node: limit(node) == 4000, "the limit is above that of the port")  # type: ignore[misc]


def test_the_limit_of_a_server_is_a_parameter(cluster: Cluster) -> None:
    for node in cluster.nodes:
        node.params["server_maxconn"] = "3"
    cluster.start()
    node = cluster.srv2
    sessions = [connect(node.address, PROD) for _ in range(3)]
    late = Waiting(functools.partial(connect, node.address, PROD))
    always(lambda: late.waits, "the fourth one waits", during=1)
    sessions.pop().close()
    sessions.append(late.end())
    for session in sessions:
        session.close()


def test_the_hold_takes_no_place_of_a_client(cluster: Cluster) -> None:
    """prod is full, and the connection of the hold is lost: it comes back."""
    for node in cluster.nodes:
        node.params["maxconn"] = "10"
    cluster.start()
    node = cluster.srv2
    sessions = [connect(node.address, PROD) for _ in range(10)]

    def held() -> int:
        line = node.haproxy("show stat prod 4 -1").splitlines()
        columns = line[0].lstrip("# ").split(",")
        rows = [dict(zip(columns, each.split(","))) for each in line[1:] if each]
        return int(next(row["scur"] for row in rows if row["svname"] == "hold"))

    try:
        assert held() == 1
        node.haproxy("shutdown sessions server prod/hold")
        eventually(lambda: held() == 1, "the place is taken again", within=3)
    finally:
        for session in sessions:
            session.close()


def test_who_waits_is_served_if_a_switchover_is_called_off(running: Cluster) -> None:
    """A server that leaves drain takes nobody from the queue by itself."""
    node = running.srv2
    words = {"promoted": ["srv1"], "demote": ["srv1"], "promote": ["srv2"]}
    node.notify("pre-demote", **words)
    client = Waiting(lambda: query(connect(node.address, PROD), WHO))
    eventually(lambda: queued(node) == 1, "it waits")
    node.mend()  # the monitor asks Pacemaker: srv1 is still promoted
    assert node.state("prod/srv1") == "ready"
    assert client.end(within=5) == "srv1"
