"""`paf-haproxy clients`: each connection, where it leads, and the pid of its session."""

from __future__ import annotations

import json
import socket
import time

import pytest
from paf_haproxy.cli import clients, sessions
from paf_haproxy.params import parse

from tests.func.conftest import Pair
from tests.tools.instance import connect
from tests.tools.node import Cluster, Node
from tests.tools.waiting import eventually


def listed(node: Node, here: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    clients.clients(parse(node.params), here, as_json=True)
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def own(session: socket.socket) -> str:
    return "{}:{}".format(*session.getsockname())


def test_where_a_client_is(steady: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    srv1 = steady.srv1
    began = time.time()
    writer, reader = connect(srv1.address, 5432), connect(srv1.address, 5433)
    pids = [each.info.backend_pid for each in (writer, reader)]
    found = [each for each in listed(srv1, "srv1", capsys) if each["pool"] != "replication"]
    assert [(each["pool"], each["server"]) for each in found] == [
        ("prod", "srv1"),
        ("stdby", "srv2"),
    ]
    detailed = sessions.are_detailed(srv1.haproxy)
    known = [pids[0], None] if detailed else [None, None]
    assert [each["pid"] for each in found] == known, "srv2's is known on srv2"
    assert all(began - 1 < float(str(each["since"])) < time.time() + 1 for each in found)
    clients.clients(parse(srv1.params), "srv1", as_json=False)
    said = capsys.readouterr().out
    assert not detailed or (
        f" {pids[0]} " in said
        and "on srv2,\n  SELECT pid FROM pg_stat_activity\n  WHERE client_addr = '127." in said
    )
    assert max(map(len, said.splitlines())) <= 80
    writer.close()
    reader.close()


def test_sessions_in_a_worker_from_before_a_reload(
    running: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    node = running.srv1
    session = connect(node.address, 5432)
    node.params["maxconn"] = "1234"
    node.do("reload")
    eventually(
        lambda: [e["old"] for e in listed(node, "srv1", capsys) if e["pool"] == "prod"] == [True],
        "it is in an old worker",
    )
    session.close()


def test_clients_that_wait(
    running: Cluster, fresh: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    srv1, srv2 = running.nodes
    srv1.postgres.stop("fast")
    srv2.await_up("prod/srv1", up=False)
    with socket.create_connection((srv2.address, 5432)) as waiting:
        waiting.sendall(bytes.fromhex("0000000804d2162f"))
        eventually(
            lambda: (
                [
                    (each["server"], each["source"])
                    for each in listed(srv2, "srv2", capsys)
                    if each["client"] == own(waiting)
                ]
                == [("", "")]
            ),
            "it is listed",
        )
        clients.clients(parse(srv2.params), "srv2", as_json=False)
        assert " waits " in capsys.readouterr().out
