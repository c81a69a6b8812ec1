"""A standby that was down: readers stay with the others for a moment, if there are others."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator

import pytest

from tests.tools.instance import PORT
from tests.tools.node import ROLE, Cluster, Node
from tests.tools.waiting import eventually

AUTHENTICATION_OK = b"R\0\0\0\x08\0\0\0\0"
SERVED, BACK = "up\n", "down\n"


class Postgres(socketserver.BaseRequestHandler):
    """Answers a startup packet."""

    def handle(self) -> None:
        if self.request.recv(100):
            self.request.sendall(AUTHENTICATION_OK)


class HAProxy(socketserver.StreamRequestHandler):
    """A standby's answers to agent-checks."""

    def handle(self) -> None:
        self.wfile.write(SERVED.encode() if self.rfile.read(5) == b"stdby" else BACK.encode())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextlib.contextmanager
def stand_in(address: str) -> Iterator[None]:
    """A node that HAProxy takes for a standby."""
    with contextlib.ExitStack() as stack:
        for port, handler in ((PORT, Postgres), (ROLE, HAProxy)):
            server = stack.enter_context(Server((address, port), handler))
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield


@pytest.fixture
def third(cluster: Cluster) -> str:
    """A third node's address, for two that run HAProxy."""
    address = cluster.srv1.address.rpartition(".")[0] + ".13"
    for node in cluster.nodes:
        node.params["nodes"] += f" srv3={address}"
    return address


def returns(node: Node) -> str:
    """Restarts the standby; returns what its HAProxy says of it to one who asks for the first time,
    as soon as it knows that it is back.
    """
    node.postgres.stop()
    eventually(lambda: node.tells() == "down", "it is down")
    node.postgres.start()
    eventually(lambda: node.tells() == "standby", "it is back")
    return node.read(ROLE, b"stdby somebody\n")


@pytest.mark.usefixtures("fresh")
def test_readers_stay_with_another_standby(third: str, cluster: Cluster) -> None:
    with stand_in(third):
        cluster.start()
        for node in cluster.nodes:
            node.await_up("stdby/srv2")
            node.await_up("stdby/srv3")
        assert returns(cluster.srv2) == BACK
        assert not cluster.srv1.up("stdby/srv2")
        for node in cluster.nodes:
            node.await_up("stdby/srv2")


@pytest.mark.usefixtures("fresh")
def test_the_only_standby_serves_at_once(third: str, cluster: Cluster) -> None:
    cluster.start()
    for node in cluster.nodes:
        node.await_up("stdby/srv2")
        assert not node.up("stdby/srv3")
    assert returns(cluster.srv2) == SERVED


@pytest.mark.usefixtures("fresh")
def test_one_whose_others_go_serves_at_once(third: str, cluster: Cluster) -> None:
    with stand_in(third):
        cluster.start()
        for node in cluster.nodes:
            node.await_up("stdby/srv3")
        assert returns(cluster.srv2) == BACK
        cluster.srv2.haproxy("set server stdby/srv3 state maint")
        assert cluster.srv2.read(ROLE, b"stdby another\n") == SERVED


@pytest.mark.usefixtures("fresh")
def test_a_new_haproxy_does_not_ask_it_to_wait(third: str, cluster: Cluster) -> None:
    """Only who has seen the standby down has it wait: a reload must not end sessions."""
    with stand_in(third):
        cluster.start()
        for node in cluster.nodes:
            node.await_up("stdby/srv3")
        before = cluster.srv2.pid()
        cluster.srv2.params["hold_timeout"] = "20s"
        cluster.srv2.do("reload-agent")
        assert cluster.srv2.pid() != before
        cluster.srv2.await_up("stdby/srv3")
        assert cluster.srv2.read(ROLE, b"stdby somebody\n") == SERVED
