"""The role over HTTP: Patroni's paths and status codes, lag, and what a lag does to stdby."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from tests.tools.instance import ask, connect, query
from tests.tools.node import PROD, REST, STDBY, Cluster, Node
from tests.tools.rest_paths import CHECKS, DOCUMENTS, OURS
from tests.tools.waiting import always, eventually

WRITE = "INSERT INTO t SELECT repeat('x', 1000), now() FROM generate_series(1, 3000)"


def get(node: Node, path: str, method: str = "GET") -> tuple[int, str]:
    """Returns the status and the body."""
    connection = http.client.HTTPConnection(node.address, REST, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def code(node: Node, path: str) -> int:
    return get(node, path)[0]


def body(node: Node, path: str) -> Any:
    return json.loads(get(node, path)[1])


@pytest.fixture
def told(steady: Cluster) -> Cluster:
    """Each node has heard of the other."""
    for node in steady.nodes:
        eventually(lambda node=node: both_known(node), f"{node.name} knows both", 15)  # type: ignore[misc]
    return steady


def both_known(node: Node) -> bool:
    members = body(node, "/cluster")["members"]
    return {each.get("state") for each in members} == {"running", "streaming"}


@pytest.mark.parametrize(("path", "primary", "standby"), CHECKS + OURS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_status_codes(told: Cluster, method: str, path: str, primary: int, standby: int) -> None:
    for node, expected in ((told.srv1, primary), (told.srv2, standby)):
        status, text = get(node, path, method)
        assert status == expected
        assert bool(text) == (method == "GET")


@pytest.mark.parametrize(("path", "primary", "standby"), DOCUMENTS)
def test_documents(told: Cluster, path: str, primary: int, standby: int) -> None:
    """Patroni gives them for GET alone. For HEAD and OPTIONS they are health checks that fail."""
    for node, expected in ((told.srv1, primary), (told.srv2, standby)):
        status, text = get(node, path)
        assert status == expected
        bare = ("/liveness", "/readiness", "/config", "/failsafe")
        assert bool(text) == (not path.startswith(bare))
        for method in ("HEAD", "OPTIONS"):
            assert get(node, path, method) == (503, "")


@pytest.mark.parametrize(
    "lag", ["1" * 14000 + ".", "x" + "%20" * 4000 + "x", "1" * 14000 + "e", "7" * 60]
)
def test_a_long_size_does_not_keep_haproxy_busy(lag: str, told: Cluster) -> None:
    """Ten in a row: before, one took a second of a thread, in which nobody was served."""
    began = time.monotonic()
    for _ in range(10):
        code(told.srv2, f"/readiness?lag={lag}")
    assert time.monotonic() - began < 2
    assert code(told.srv2, "/replica?lag=0x7fffffffffffffffff") == 200, "larger than any lag"
    assert code(told.srv2, "/replica?lag=99999999999999999999") == 200


def test_a_request_without_a_path(told: Cluster) -> None:
    with socket.create_connection((told.srv1.address, REST), timeout=5) as client:
        client.sendall(b"GET http://node HTTP/1.1\r\nHost: node\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")


def test_the_metrics_of_patroni(told: Cluster) -> None:
    for node, primary in ((told.srv1, 1), (told.srv2, 0)):
        text = get(node, "/metrics")[1]
        labels = f'{{scope="pgsqld-clone",name="{node.name}"}}'
        assert f"patroni_primary{labels} {primary}\n" in text
        assert f"patroni_replica{labels} {1 - primary}\n" in text
        assert f"patroni_postgres_timeline{labels} 1\n" in text
        for line in text.splitlines():
            assert line.startswith("# TYPE patroni_") or labels in line


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(told: Cluster, method: str) -> None:
    assert get(told.srv1, "/switchover", method) == (501, "")


def test_what_a_node_tells_of_itself(told: Cluster) -> None:
    one, two = (body(node, "/patroni") for node in told.nodes)
    with told.srv1.postgres.connect() as session:
        version = session.server_version
    assert (one["role"], one["state"], one["server_version"]) == ("primary", "running", version)
    assert (two["role"], two["replication_state"]) == ("replica", "streaming")
    assert one["timeline"] == two["timeline"] == 1
    assert one["xlog"]["location"] >= two["xlog"]["replayed_location"] > 0
    assert two["xlog"]["received_location"] >= two["xlog"]["replayed_location"]
    for node, found in (("srv1", one), ("srv2", two)):
        assert found["patroni"] == {"version": "4.1.5", "scope": "pgsqld-clone", "name": node}
    assert two["xlog"]["paused"] is False and "paused" not in one["xlog"]
    assert "cluster_unlocked" not in one
    assert "replication_state" not in one and "sync_standby" not in two


def test_what_a_node_tells_of_all(told: Cluster) -> None:
    for node in told.nodes:
        leader, replica = body(node, "/cluster")["members"]
        assert (leader["name"], leader["role"], leader["state"]) == ("srv1", "leader", "running")
        assert (leader["host"], leader["port"]) == (told.srv1.address, 5434)
        assert "lag" not in leader
        assert (replica["name"], replica["role"]) == ("srv2", "replica")
        assert replica["timeline"] == 1
        for kind in ("", "receive_", "replay_"):
            assert replica[f"{kind}lag"] >= 0
            assert re.fullmatch("[0-9A-F]+/[0-9A-F]+", replica[f"{kind}lsn"])
        assert body(node, "/cluster")["scope"] == "pgsqld-clone"


def test_pacemaker_and_postgresql_must_agree(running: Cluster) -> None:
    """A primary that is leaving, or that Pacemaker did not name, is none."""
    node = running.srv1
    eventually(lambda: code(node, "/primary") == 200, "the primary")
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    assert code(node, "/primary") == 503 and code(node, "/health") == 200
    running.pacemaker("srv1")
    node.mend()
    eventually(lambda: code(node, "/primary") == 200, "it was called off")
    node.haproxy("set server prod/srv1 state maint")
    assert code(node, "/primary") == code(node, "/replica") == 503


@pytest.fixture
def behind(cluster: Cluster) -> Iterator[Cluster]:
    """srv2 does not replay what srv1 writes; lag counts at once from 1 MB on."""
    for node in cluster.nodes:
        node.params |= {"max_lag": "1MB", "max_lag_time": "0", "server_interval": "200ms"}
    cluster.start()
    eventually(lambda: both_known(cluster.srv2), "srv2 knows both", 15)
    cluster.srv2.await_up("stdby/srv2")
    query(standby := cluster.srv2.postgres.connect(), "SELECT pg_wal_replay_pause()")
    yield cluster
    query(standby, "SELECT pg_wal_replay_resume()")
    standby.close()


def write(cluster: Cluster) -> None:
    with cluster.srv1.postgres.connect() as session, session.cursor() as cursor:
        cursor.execute(WRITE)


def test_lag(behind: Cluster) -> None:
    node = behind.srv2
    assert code(node, "/replica?lag=1MB") == 200
    write(behind)
    eventually(lambda: code(node, "/replica?lag=1MB") == 503, "it lags")
    eventually(
        lambda: body(behind.srv1, "/cluster")["members"][1]["replay_lag"] > 1 << 20, "known there"
    )
    eventually(lambda: code(node, "/readiness") == 503, "Patroni's bar for readiness is 1 MB")
    eventually(lambda: code(node, "/readiness?mode=write") == 200, "it has received all")
    assert body(behind.srv1, "/cluster")["members"][1]["receive_lag"] < 1 << 20
    assert body(node, "/patroni")["xlog"]["paused"] is True
    for text in ("1MB", "1000kB", "10000", "1048576B"):
        assert code(node, f"/async?lag={text}") == 503


def test_a_standby_that_lags_gets_no_new_readers(behind: Cluster) -> None:
    """Its open sessions go on, and it is back once it has caught up."""
    open_one = connect(behind.srv1.address, STDBY)
    pid = query(open_one, "SELECT pg_backend_pid()")
    write(behind)
    for node in behind.nodes:
        eventually(lambda node=node: refused(node), f"no reader on {node.name}")  # type: ignore[misc]
    assert query(open_one, "SELECT pg_backend_pid()") == pid
    for node in behind.nodes:
        assert node.mend().err == "", "the monitor does not take it for drift"
    with behind.srv2.postgres.connect() as session:
        query(session, "SELECT pg_wal_replay_resume()")
    for node in behind.nodes:
        eventually(lambda node=node: not refused(node), f"readers on {node.name}", 15)  # type: ignore[misc]
    assert query(open_one, "SELECT pg_backend_pid()") == pid
    open_one.close()


def refused(node: Node) -> bool:
    try:
        ask(node.address, STDBY, "SELECT 1")
    except psycopg2.OperationalError:
        return True
    return False


def test_the_primary_serves_readers_when_no_standby_is_left(
    fresh: object, cluster: Cluster
) -> None:
    for node in cluster.nodes:
        node.params["standby_fallback"] = "primary"
    cluster.start()
    node = cluster.srv1
    node.await_up("stdby/srv2")
    recovering = "SELECT pg_is_in_recovery()"
    assert ask(node.address, STDBY, recovering) is True
    cluster.srv2.postgres.stop()
    node.await_up("stdby/srv2", up=False)
    assert ask(node.address, STDBY, recovering) is False
    cluster.srv2.postgres.start()
    node.await_up("stdby/srv2")
    assert ask(node.address, STDBY, recovering) is True


@pytest.mark.parametrize(
    "junk", [b"\r\n\r\n", b"GET", b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n", b"a" * 20_000]
)
def test_who_asks_strangely(told: Cluster, junk: bytes) -> None:
    node = told.srv1
    connection = socket.create_connection((node.address, REST), timeout=5)
    connection.sendall(junk)
    assert code(node, "/primary") == 200
    connection.close()
    always(lambda: node.up("prod/srv1"), "srv1 is up", during=0.2)
    assert ask(node.address, PROD, "SELECT 1") == 1
