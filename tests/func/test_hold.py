"""The hold: whoever finds no primary waits for one, up to hold_timeout."""

from __future__ import annotations

import functools
import time
from pathlib import Path

import psycopg2
import pytest

from tests.tools import TEMPLATE
from tests.tools.instance import WHO, ask, connect
from tests.tools.node import PROD, STDBY, Cluster, Node
from tests.tools.waiting import Waiting, always, eventually


@pytest.fixture
def leaderless(cluster: Cluster) -> Cluster:
    """HAProxy runs, and nobody is promoted yet."""
    cluster.pacemaker("")
    for node in cluster.nodes:
        node.do("start")
    eventually(lambda: cluster.srv2.tells() == "standby", "it knows PostgreSQL")
    return cluster


def queued(node: Node) -> int:
    """Returns the number of connections that wait for a server of prod."""
    lines = node.haproxy("show stat prod 2 -1").splitlines()  # 2: the backend's line
    columns = lines[0].lstrip("# ").split(",")
    return int(dict(zip(columns, lines[1].split(",")))["qcur"])


def test_new_connections_wait_for_a_primary(leaderless: Cluster) -> None:
    """They are not refused, and all are served as soon as there is one."""
    node = leaderless.srv2
    clients = [Waiting(lambda: ask(node.address, PROD, WHO)) for _ in range(10)]
    always(lambda: all(client.waits for client in clients), "they wait", during=1)
    assert queued(node) >= len(clients), "and perhaps srv2's replication"
    leaderless.notify("pre-promote", promote=["srv1"])
    assert [client.end() for client in clients] == ["srv1"] * 10


def test_who_waits_is_served_although_a_reload_was_asked_for(leaderless: Cluster) -> None:
    """A finishing HAProxy checks its servers no more: who waits in it would wait in vain."""
    node = leaderless.srv2
    old = node.pid()
    client = Waiting(lambda: ask(node.address, PROD, WHO))
    always(lambda: client.waits, "it waits", during=0.5)
    node.params["stats_port"] = "7007"
    node.do("reload")
    assert node.pid() == old, "not yet"
    node.mend()
    assert node.pid() == old, "still not: someone waits"
    leaderless.notify("pre-promote", promote=["srv1"])
    assert client.end() == "srv1"
    leaderless.notify("post-promote", promote=["srv1"])
    leaderless.pacemaker("srv1")
    node.mend()
    assert node.pid() != old, "now"
    assert "HAProxy" in node.read(7007, b"GET / HTTP/1.0\r\n\r\n")
    node.await_up("prod/srv1")
    new = node.pid()
    node.mend()
    assert node.pid() == new, "once"


def test_an_idle_hold_lasts(cluster: Cluster) -> None:
    """The place that makes others wait is not given up because nothing happens on it."""
    cluster.pacemaker("")
    for node in cluster.nodes:
        node.params |= {"hold_timeout": "3s", "session_timeout": "4s"}
        node.do("start")
    node = cluster.srv2
    time.sleep(3)  # the place is nearly as old as an idle session may be
    client = Waiting(lambda: ask(node.address, PROD, WHO))
    always(lambda: client.waits, "it waits", during=2)
    cluster.notify("pre-promote", promote=["srv1"])
    assert client.end() == "srv1"


LIMIT = "tune.lua.service-timeout "


@pytest.mark.parametrize(("limit", "lasts"), [("0", True), ("1ms", False)])
def test_the_hold_outlasts_the_time_that_lua_is_given(
    cluster: Cluster, tmp_path: Path, limit: str, lasts: bool
) -> None:
    """HAProxy ends a Lua service that has run for so long, all its moments added up: long before
    hold_timeout, who waits is turned away.
    """
    text = TEMPLATE.read_text()
    assert text.count(f"{LIMIT}0\n") == 1
    template = tmp_path / "limit.j2"
    template.write_text(text.replace(f"{LIMIT}0\n", f"{LIMIT}{limit}\n"))
    cluster.pacemaker("")
    node = cluster.srv2
    node.params |= {"template": str(template), "hold_timeout": "120s"}
    for each in cluster.nodes:
        each.do("start")
    node.postgres.stop()  # so that HAProxy asks, and keeps its place, every 30 ms
    try:
        clients = [Waiting(functools.partial(ask, node.address, PROD, WHO)) for _ in range(5)]
        if lasts:
            always(lambda: all(client.waits for client in clients), "they wait", during=15)
            cluster.notify("pre-promote", promote=["srv1"])
            assert {client.end() for client in clients} == {"srv1"}
        else:
            eventually(lambda: not any(client.waits for client in clients), "they go", within=60)
    finally:
        node.postgres.start()


def test_more_wait_than_there_is_room_for(cluster: Cluster) -> None:
    """maxconn is for clients. HAProxys that ask each other for the role need no room of theirs."""
    cluster.pacemaker("")
    for node in cluster.nodes:
        node.params["maxconn"] = "10"
        node.do("start")
    clients = [
        Waiting(functools.partial(ask, node.address, PROD, WHO))
        for node in cluster.nodes
        for _ in range(15)
    ]
    always(lambda: all(client.waits for client in clients), "they wait", during=0.5)
    cluster.notify("pre-promote", promote=["srv1"])
    assert {client.end() for client in clients} == {"srv1"}


def test_readers_do_not_wait_for_a_primary(leaderless: Cluster) -> None:
    node = leaderless.srv1
    eventually(lambda: node.up("stdby/srv2"), "srv2 serves readers")
    assert ask(node.address, STDBY, WHO) == "srv2"


def test_the_hold_ends(cluster: Cluster) -> None:
    cluster.pacemaker("")
    node = cluster.srv2
    node.params["hold_timeout"] = "1s"
    node.do("start")
    client = Waiting(lambda: ask(node.address, PROD, WHO))
    with pytest.raises(psycopg2.OperationalError):
        client.end()
    assert 0.9 <= client.took < 5


def test_without_a_hold_they_are_refused_at_once(cluster: Cluster) -> None:
    cluster.pacemaker("")
    node = cluster.srv2
    node.params["hold_timeout"] = "0"
    node.do("start")
    client = Waiting(lambda: ask(node.address, PROD, WHO))
    with pytest.raises(psycopg2.OperationalError):
        client.end()
    assert client.took < 0.9


def test_without_a_hold_they_are_served_when_there_is_a_primary(cluster: Cluster) -> None:
    for node in cluster.nodes:
        node.params["hold_timeout"] = "0"
    cluster.start()
    assert ask(cluster.srv2.address, PROD, WHO) == "srv1"


def test_who_waits_may_go_away(leaderless: Cluster) -> None:
    """A client that gives up leaves nothing behind, and the others are served."""
    node = leaderless.srv2
    impatient = [Waiting(lambda: connect(node.address, PROD, timeout=2)) for _ in range(5)]
    for client in impatient:
        with pytest.raises(psycopg2.OperationalError, match="timeout"):
            client.end()
    client = Waiting(lambda: ask(node.address, PROD, WHO))
    leaderless.notify("pre-promote", promote=["srv1"])
    assert client.end() == "srv1"
    eventually(lambda: queued(node) == 0, "nobody waits any more")
