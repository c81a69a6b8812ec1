"""A standby that was down: readers stay with the others for a moment, if there are others."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.tools.instance import PORT
from tests.tools.node import ROLE, Cluster, Node
from tests.tools.waiting import always, eventually

pytestmark = pytest.mark.usefixtures("fresh")

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
    """PostgreSQL and HAProxy of a node that others take for a standby."""
    with contextlib.ExitStack() as stack:
        for port, handler in ((PORT, Postgres), (ROLE, HAProxy)):
            server = stack.enter_context(Server((address, port), handler))
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield


@pytest.fixture
def third(cluster: Cluster) -> str:
    """The address of a third node, which srv1 and srv2 know."""
    address = cluster.srv1.address.rpartition(".")[0] + ".13"
    for node in cluster.nodes:
        node.params["nodes"] += f" srv3={address}"
    return address


@pytest.fixture
def three(third: str, cluster: Cluster) -> Iterator[Cluster]:
    """HAProxy on srv1 and srv2, and standbys on srv2 and srv3 that serve."""
    with stand_in(third):
        cluster.start()
        for node in cluster.nodes:
            node.await_up("stdby/srv2")
            node.await_up("stdby/srv3")
        yield cluster


def says(node: Node) -> str:
    """What a HAProxy says of its standby to one who asks for the first time."""
    return node.read(ROLE, b"stdby %d\n" % time.monotonic_ns())


def returns(node: Node) -> str:
    """Restarts the standby; returns what its HAProxy says as soon as it knows that it is back."""
    node.postgres.stop()
    eventually(lambda: node.tells() == "down", "it is down")
    node.postgres.start()
    eventually(lambda: node.tells() == "standby", "it is back")
    return says(node)


def test_readers_stay_with_another_standby(three: Cluster) -> None:
    assert returns(three.srv2) == BACK
    assert not three.srv1.up("stdby/srv2")
    for node in three.nodes:
        node.await_up("stdby/srv2")


def test_the_only_standby_serves_at_once(third: str, cluster: Cluster) -> None:
    cluster.start()
    cluster.srv2.await_up("stdby/srv2")
    assert not cluster.srv2.up("stdby/srv3"), f"nobody is on {third}"
    assert returns(cluster.srv2) == SERVED


def test_one_whose_others_go_serves_at_once(three: Cluster) -> None:
    assert returns(three.srv2) == BACK
    three.srv2.haproxy("set server stdby/srv3 state maint")
    assert says(three.srv2) == SERVED


def test_a_new_haproxy_does_not_have_it_wait(three: Cluster) -> None:
    """Only who has seen the standby down does: a reload must not end sessions."""
    before = three.srv2.pid()
    three.srv2.params["hold_timeout"] = "20s"
    three.srv2.do("reload-agent")
    assert three.srv2.pid() != before
    three.srv2.await_up("stdby/srv3")
    assert says(three.srv2) == SERVED


@pytest.fixture
def gone(three: Cluster) -> Cluster:
    """srv2 has lost its power: for srv1 its HAProxy is silent, and its standby is down."""
    three.srv2.kill()
    three.srv2.postgres.kill()
    three.srv1.await_up("stdby/srv2", up=False)
    always(lambda: not three.srv1.up("stdby/srv2"), "it is down for longer than a look", during=1)
    return three


def test_a_standby_whose_haproxy_is_silent_waits(gone: Cluster) -> None:
    gone.srv2.postgres.start()
    always(lambda: not gone.srv1.up("stdby/srv2"), "it waits", during=4)
    gone.srv1.await_up("stdby/srv2", within=8)


def test_a_standby_whose_haproxy_began_after_it_waits(gone: Cluster) -> None:
    gone.srv2.postgres.start()
    gone.srv2.do("start")
    always(lambda: not gone.srv1.up("stdby/srv2"), "it waits", during=4)
    gone.srv1.await_up("stdby/srv2", within=8)


def test_it_serves_at_once_if_the_other_one_goes(gone: Cluster) -> None:
    gone.srv2.postgres.start()
    always(lambda: not gone.srv1.up("stdby/srv2"), "it waits", during=0.3)
    gone.srv1.haproxy("set server stdby/srv3 state maint")
    gone.srv1.await_up("stdby/srv2", within=1)


def ended(cluster: Cluster, end: Callable[[], None]) -> Node:
    """Ends the primary, waits until its HAProxy says so and no HAProxy leads there, and returns its
    node. A plain check may notice the end before the role is known.
    """
    end()
    eventually(lambda: cluster.srv1.tells() == "down", "HAProxy says that it is down", within=2)
    for node in cluster.nodes:
        node.await_up("prod/srv1", up=False, within=2)
    return cluster.srv1


def serves(cluster: Cluster, within: float) -> None:
    for node in cluster.nodes:
        node.await_up("prod/srv1", within=within)


def test_a_primary_that_has_crashed_waits(running: Cluster) -> None:
    """PAF starts it to demote it, and its clients would be cut off then."""
    srv1 = ended(running, running.srv1.postgres.kill)
    srv1.postgres.start()
    always(lambda: not any(n.up("prod/srv1") for n in running.nodes), "it waits", during=1)
    serves(running, within=5)


def test_a_primary_that_was_restarted_does_not(running: Cluster) -> None:
    srv1 = ended(running, running.srv1.postgres.stop)
    srv1.postgres.start()
    serves(running, within=1)


def test_a_primary_that_crashed_and_was_stopped_in_order_does_not(running: Cluster) -> None:
    """So it is at the end of what PAF does."""
    srv1 = ended(running, running.srv1.postgres.kill)
    srv1.postgres.start()
    eventually(lambda: srv1.tells() == "production", "HAProxy has seen it", within=2)
    srv1.postgres.stop()
    eventually(lambda: srv1.tells() == "down", "HAProxy has seen that, too", within=2)
    srv1.postgres.start()
    serves(running, within=1)
