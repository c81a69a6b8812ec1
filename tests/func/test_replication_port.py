"""The replication port: the primary, for the standby of the same node, and never behind clients."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.func.conftest import Pair
from tests.func.test_traffic import switch_over
from tests.tools.instance import WHO, as_postgres, ask, connect, program, query
from tests.tools.node import PROD, REPLICATION, Cluster, Node
from tests.tools.waiting import Waiting, always, eventually

STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
CLIENTS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'"
THROUGH = "SELECT sender_host || ':' || sender_port FROM pg_stat_wal_receiver"


def server(node: Node, name: str) -> dict[str, str]:
    """Returns a server of the replication port as HAProxy's statistics have it."""
    lines = node.haproxy("show stat replication 4 -1").splitlines()
    columns = lines[0].lstrip("# ").split(",")
    rows = [dict(zip(columns, line.split(","))) for line in lines[1:] if line]
    (row,) = (row for row in rows if row["svname"] == name)
    return row


def up(node: Node, name: str) -> bool:
    return server(node, name)["status"].startswith("UP")


def walreceiver(node: Node) -> int:
    for pid in node.postgres.pids():
        if b"walreceiver" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError(f"no walreceiver on {node.name}")


def test_it_leads_to_the_primary_and_has_no_server_for_its_own_node(steady: Cluster) -> None:
    srv1, srv2 = steady.nodes
    assert ask(srv2.address, REPLICATION, WHO, "postgres") == "srv1"
    for node, other in ((srv1, "srv2"), (srv2, "srv1")):
        lines = node.haproxy("show servers state replication").splitlines()[2:]
        assert {line.split()[3] for line in lines if line} == {"hold", other}
    eventually(
        lambda: srv2.postgres.sql(THROUGH) == f"{srv2.address}:{REPLICATION}", "srv2 streams", 20
    )


def test_on_the_primarys_node_it_waits_for_another_primary(running: Cluster, fresh: Pair) -> None:
    srv1 = running.srv1
    client = Waiting(lambda: ask(srv1.address, REPLICATION, WHO, "postgres"))
    always(lambda: client.waits, "it waits: it is not led to srv1", during=1)
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    always(lambda: client.waits, "srv2 is not promoted yet", during=0.5)
    running.srv2.postgres.promote()
    assert client.end() == "srv2"


def test_its_servers_have_the_state_of_those_of_prod(running: Cluster) -> None:
    node = running.srv2
    eventually(lambda: up(node, "srv1"), "it is up")
    for command, status in (
        ("set server prod/srv1 agent down", "DOWN"),
        ("set server prod/srv1 agent up", "UP"),
        ("set server prod/srv1 state drain", "DRAIN"),
        ("set server prod/srv1 state ready", "UP"),
        ("set server prod/srv1 state maint", "MAINT"),
    ):
        node.haproxy(command)
        eventually(lambda status=status: status in server(node, "srv1")["status"], status)  # type: ignore[misc]
    node.mend()
    eventually(lambda: up(node, "srv1"), "it follows the monitor, too")


def test_a_reload_and_a_restart_keep_the_state(running: Cluster) -> None:
    node = running.srv2
    session = connect(node.address, REPLICATION, "postgres")
    node.params["maxconn"] = "1234"
    node.do("reload")
    assert up(node, "srv1")
    assert ask(node.address, REPLICATION, WHO, "postgres") == "srv1"
    assert query(session, WHO) == "srv1"
    session.close()
    node.do("stop")
    node.do("start")
    eventually(lambda: up(node, "srv1"), "it is up")


def test_a_node_in_maintenance_is_still_in_maintenance_after_a_reload(running: Cluster) -> None:
    node = running.srv1
    assert "MAINT" in server(node, "srv2")["status"]
    node.params["maxconn"] = "1234"
    node.do("reload")
    assert "MAINT" in server(node, "srv2")["status"]


def test_its_sessions_to_the_old_primary_end_with_those_of_prod(running: Cluster) -> None:
    node = running.srv2
    session = connect(node.address, REPLICATION, "postgres")
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    assert query(session, WHO) == "srv1", "drained: the last WAL still passes"
    running.notify("post-promote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    with pytest.raises(psycopg2.Error):
        query(session, WHO)


@pytest.fixture
def small(cluster: Cluster) -> Cluster:
    """A cluster with 10 places for clients on each node. srv2 streams from srv1."""
    for node in cluster.nodes:
        node.params["maxconn"] = "10"
    cluster.start()
    srv1 = cluster.srv1.postgres
    eventually(lambda: srv1.sql(STREAMING) == 1, "srv2 streams", 20)
    return cluster


def test_it_does_not_wait_behind_clients(small: Cluster, pair: Pair) -> None:
    """Idle clients take all places of prod. The walreceiver can still connect again."""
    srv1, srv2 = small.nodes
    idle: list[Any] = [connect(srv2.address, PROD) for _ in range(10)]
    late = Waiting(functools.partial(ask, srv2.address, PROD, WHO))
    try:
        always(lambda: late.waits, "prod is full", during=0.5)
        before = walreceiver(srv2)
        os.kill(before, signal.SIGTERM)
        eventually(lambda: walreceiver(srv2) != before, "a new one")
        eventually(lambda: srv1.postgres.sql(STREAMING) == 1, "srv2 streams again")
        assert late.waits, "prod is still full"
    finally:
        for session in idle:
            session.close()
    assert late.end() == "srv1"


@pytest.mark.parametrize("name", ["srv1", "srv2"])
def test_a_base_backup_through_port_5432_of_every_node(
    steady: Cluster, directory: Path, name: str
) -> None:
    node: Node = getattr(steady, name)
    copy = directory / f"backup-{name}"
    words = (program("pg_basebackup"), "-h", node.address, "-p", str(PROD), "-D", str(copy))
    copy.mkdir()
    shutil.chown(copy, "postgres", "postgres")
    try:
        as_postgres(*words, "-U", "postgres", "-c", "fast", "-X", "stream")
        assert (copy / "PG_VERSION").exists()
    finally:
        shutil.rmtree(copy)


def test_a_switchover_with_more_clients_than_places(small: Cluster, fresh: Pair) -> None:
    """Commits wait for the standby, and clients that do nothing hold all places of both nodes."""
    srv1, srv2 = small.nodes
    for node in small.nodes:
        node.postgres.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        node.postgres.sql("SELECT pg_reload_conf()")

    def stay(address: str) -> bool:
        """Takes a place for as long as it can, again and again."""
        while not over.wait(0.05):
            with contextlib.suppress(psycopg2.Error):
                session = connect(address, PROD)
                while not over.wait(0.1):
                    query(session, "SELECT 1")
        return True

    over = threading.Event()
    crowd = [
        Waiting(functools.partial(stay, node.address)) for node in small.nodes for _ in range(15)
    ]
    try:
        eventually(lambda: srv1.postgres.sql(CLIENTS) >= 15, "the places are taken")
        switch_over(small, srv1, srv2)
        eventually(lambda: srv2.postgres.sql(STREAMING) == 1, "srv1 streams from srv2", 20)
        eventually(lambda: srv2.postgres.sql(CLIENTS) >= 10, "the clients are there", 20)
        assert srv2.postgres.sql("INSERT INTO t VALUES ('x') RETURNING node") == "x"
        assert any(client.waits for client in crowd)
    finally:
        over.set()
        for client in crowd:
            client.end(20)
