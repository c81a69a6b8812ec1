"""What each port says, also to those who ask strangely."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request

import pytest
from paf_haproxy.network import has_ipv6

from tests.tools.instance import WHO, ask
from tests.tools.node import (
    PROD,
    REPLICATION,
    REST,
    ROLE,
    STATE,
    STATS,
    STDBY,
    Cluster,
    Node,
    elapsed,
)
from tests.tools.waiting import always, eventually


def test_the_role_as_text(steady: Cluster) -> None:
    srv1, srv2 = steady.nodes
    eventually(lambda: srv1.tells() == "production", "srv1 is the primary")
    eventually(lambda: srv2.tells() == "standby", "srv2 is the standby")
    assert srv1.read(STATE) == "production\n"


def test_the_role_as_a_script_asks_for_it(steady: Cluster) -> None:
    command = ["ncat", "--recv-only", steady.srv1.address, str(STATE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    assert done.stdout == "production\n"


def asked(node: Node, pool: str) -> str:
    return node.read(ROLE, f"{pool}\n".encode()).strip()


@pytest.mark.parametrize(
    ("name", "prod", "stdby"), [("srv1", "up", "down"), ("srv2", "down", "up")]
)
def test_the_role_for_other_haproxys(steady: Cluster, name: str, prod: str, stdby: str) -> None:
    node: Node = getattr(steady, name)
    eventually(lambda: asked(node, "prod") == prod, "prod")
    assert asked(node, "stdby") == stdby


@pytest.mark.parametrize(
    "junk",
    [
        b"\n",
        b"\r\n",
        b"nopool\n",
        b"\x00\x00\n",
        b"PROD\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"a" * 5000 + b"\n",
    ],
)
def test_who_asks_for_the_role_strangely(steady: Cluster, junk: bytes) -> None:
    node = steady.srv1
    assert node.read(ROLE, junk).strip() in ("down", "")
    eventually(lambda: asked(node, "prod") == "up", "the next one is answered")


@pytest.mark.parametrize("port", [STATE, ROLE])
def test_who_says_nothing_or_leaves(steady: Cluster, port: int) -> None:
    """A port scanner does no harm."""
    node = steady.srv1
    silent = [socket.create_connection((node.address, port)) for _ in range(20)]
    for _ in range(20):
        socket.create_connection((node.address, port)).close()
    half = socket.create_connection((node.address, port))
    half.shutdown(socket.SHUT_WR)
    assert ask(node.address, PROD, "SELECT 1") == 1
    assert node.tells() == "production"
    for connection in (*silent, half):
        connection.close()
    always(lambda: node.up("prod/srv1"), "srv1 is up", during=0.5)
    node.mend()


def get(node: Node, path: str, port: int = STATS) -> str:
    with urllib.request.urlopen(f"http://{node.address}:{port}{path}", timeout=5) as answer:
        assert answer.status == 200
        return str(answer.read().decode())


def test_the_statistics_page(steady: Cluster) -> None:
    page = get(steady.srv1, "/")
    assert "Statistics Report for HAProxy" in page and "srv1" in page
    for word in ("prod", "stdby", "srv2"):
        assert word in page


def test_the_statistics_page_changes_nothing(steady: Cluster) -> None:
    """It is for looking: there is no admin form behind it."""
    node = steady.srv1
    request = urllib.request.Request(
        f"http://{node.address}:{STATS}/", data=b"s=srv1&action=maint&b=%232", method="POST"
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert b"Action denied" in answer.read()
    assert node.state("prod/srv1") == "ready"


def test_metrics(steady: Cluster) -> None:
    lines = get(steady.srv1, "/metrics").splitlines()
    up = 'haproxy_server_status{proxy="prod",server="srv1",state="UP"} 1'
    assert up in lines
    assert any(line.startswith("haproxy_backend_current_queue{") for line in lines)


def test_the_role_without_postgresql(cluster: Cluster) -> None:
    node = cluster.srv1
    node.params["pghost"] = "/nonexistent"
    node.do("start")
    always(lambda: node.tells() == "down", "it is down", during=0.5)


def test_the_role_without_permission(cluster: Cluster) -> None:
    """PostgreSQL runs, but has no such role: neither down nor up, until the agent has asked."""
    node = cluster.srv1
    node.params["pguser"] = "stranger"
    node.do("start")
    always(lambda: node.tells() == "unknown", "it is unknown", during=0.5)
    assert not node.up("prod/srv1")
    node.mend()
    eventually(lambda: node.tells() == "production" and node.up("prod/srv1"), "the agent knows")


def test_a_primary_that_is_not_promoted_is_down(cluster: Cluster) -> None:
    """PostgreSQL alone does not make a production."""
    cluster.pacemaker("")
    node = cluster.srv1
    node.do("start")
    always(lambda: node.tells() == "down", "it is down", during=1)
    node.notify("pre-promote", promote=["srv1"])
    eventually(lambda: node.tells() == "production", "it is the primary")


def test_who_is_new_is_told_at_once(steady: Cluster) -> None:
    """And waits for news when he is not: a HAProxy that was started anew must not wait."""
    node = steady.srv2
    time.sleep(3)  # no change is recent

    def took(process: str) -> float:
        started = time.monotonic()
        with socket.create_connection((node.address, ROLE), 5) as connection:
            connection.sendall(f"stdby {process}\n".encode())
            assert connection.makefile().readline() == "up\n"
        return elapsed(started)

    begin = time.monotonic()
    answers = [took("one")]
    while elapsed(begin) < 4:
        time.sleep(0.2)
        answers.append(took("one"))
    assert max(answers[:5]) < 0.3, "new for 2 s"
    assert answers[-1] > 0.7, "no news"
    assert took("another") < 0.3, "from the same address"


@pytest.fixture
def everywhere(cluster: Cluster) -> Node:
    """One node, on all addresses of this machine."""
    if not has_ipv6("::1"):
        pytest.skip("this machine has no IPv6")
    node = cluster.srv1
    node.params["bind"] = "*"
    return node


def answers(address: str, port: int, say: bytes) -> bytes:
    try:
        with socket.create_connection((address, port), 5) as client:
            client.sendall(say)
            return client.recv(10)
    except OSError:
        return b""


HTTP = b"GET / HTTP/1.0\r\n\r\n"
ASK = {STATE: b"", ROLE: b"prod test\n", STATS: HTTP, REST: HTTP}


def test_every_port_is_there_over_ipv6_as_well(everywhere: Node) -> None:
    everywhere.do("start")
    everywhere.await_up("prod/srv1")
    for address in ("127.0.0.1", "::1", everywhere.address):
        for port, say in ASK.items():
            assert answers(address, port, say), f"{address} {port}"
        for port in (PROD, STDBY):
            socket.create_connection((address, port), 5).close()
    for address in ("127.0.0.1", "::1"):
        socket.create_connection((address, REPLICATION), 5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((everywhere.address, REPLICATION), 5)
    assert ask("::1", PROD, WHO) == "srv1"


@pytest.mark.parametrize(
    ("networks", "allowed", "others"),
    [("127.0.0.0/8", "127.0.0.1", "::1"), ("::1/128", "::1", "127.0.0.1")],
)
def test_networks_of_both_kinds(everywhere: Node, networks: str, allowed: str, others: str) -> None:
    everywhere.params |= {f"{name}_allow": networks for name in ("state", "stats", "rest")}
    everywhere.do("start")
    for port in (STATE, STATS, REST):
        assert answers(allowed, port, ASK[port])
        assert answers(others, port, ASK[port]) == b""
