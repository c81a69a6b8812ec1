"""Clients who ask too much, say nothing, or say too much: the answers stay right for the others."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from paf_lab.layout import REPO
from tests.func.conftest import Pair
from tests.func.test_rest import code
from tests.func.test_traffic import replicates, switch_over
from tests.tools.instance import connect_plain
from tests.tools.load import Load
from tests.tools.node import REST, ROLE, STATE, STATS, Cluster, Node
from tests.tools.waiting import eventually

# Where they come from: the limit of a source is not to be met by those who ask in earnest.
ELSEWHERE = "127.9.9.9"
IDLE = 5000
SECONDS = 5
LARGEST_GROWTH = 200 << 20  # bytes


@contextlib.contextmanager
def crowd(node: Node, port: int, number: int, say: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many clients that connect, say something, and neither read nor close."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, number + 500)), hard))
    found: list[socket.socket] = []
    try:
        for _ in range(number):
            client = socket.socket()
            client.setblocking(False)
            client.bind((ELSEWHERE, 0))
            client.connect_ex((node.address, port))
            found.append(client)
            if say:
                with contextlib.suppress(OSError):
                    client.send(say)
        yield found
    finally:
        for client in found:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def memory(node: Node) -> int:
    """Returns the resident bytes of the node's HAProxy."""
    lines = Path(f"/proc/{node.pid()}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS:"))
    return int(line.split()[1]) << 10


def answers(node: Node) -> bool:
    return node.tells() == "production" and code(node, "/primary") == 200


@pytest.mark.parametrize("port", [STATE, REST])
@pytest.mark.parametrize("say", [b"", b"GET /primary HTTP/1.1\r\nHos"], ids=["silent", "half"])
def test_thousands_that_neither_ask_nor_go(steady: Cluster, port: int, say: bytes) -> None:
    node = steady.srv1
    before = memory(node)
    with crowd(node, port, IDLE, say) as clients, Load(node.address) as load:
        assert len(clients) == IDLE
        for _ in range(10):
            assert answers(node)
            time.sleep(0.1)
        assert node.mend().err == ""
        assert memory(node) - before < LARGEST_GROWTH
    assert len(load.attempts) > 10
    assert not [each for each in load.attempts if each.error], "clients of prod notice nothing"
    eventually(lambda: answers(node), "and so it goes on")


@pytest.mark.parametrize("port", [STATE, REST])
def test_who_sends_without_end(steady: Cluster, port: int) -> None:
    node = steady.srv1
    before = memory(node)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(socket.create_connection((node.address, port), timeout=5))
            with contextlib.suppress(OSError):  # it was told to go
                client.sendall(b"\x00\xff" * (1 << 19))
        assert answers(node)
    assert memory(node) - before < LARGEST_GROWTH
    assert answers(node)


def test_as_many_as_the_machine_bears(steady: Cluster) -> None:
    """Every answer is a right one, and clients of prod lose nothing."""
    node = steady.srv1
    before = memory(node)
    settings = {
        "targets": [(node.address, STATE, False), (node.address, REST, True)],
        "rate": 1_000_000,
        "seconds": SECONDS,
        "processes": 1,
        "at_a_time": 200,
    }
    source = (REPO / "paf_lab" / "clients" / "flood.py").read_text()
    with Load(node.address) as load:
        done = subprocess.run(
            [sys.executable, "-c", source],
            input=json.dumps(settings) + "\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    told = json.loads(done.stdout)
    print(told)
    assert told["right"] > 1000 and told.get("wrong", 0) == told.get("failed", 0) == 0
    assert not [each for each in load.attempts if each.error]
    assert memory(node) - before < LARGEST_GROWTH
    assert node.mend().err == ""


class Silent(threading.Thread):
    """A number of clients of a port that send nothing. Each connects again if it is closed."""

    def __init__(self, node: Node, port: int, number: int) -> None:
        super().__init__(daemon=True)
        self.node, self.port, self.number = node, port, number
        self.opened = 0
        self._done = threading.Event()

    def __enter__(self) -> Silent:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()

    def _open(self) -> socket.socket:
        client = socket.socket()
        client.setblocking(False)
        client.bind((ELSEWHERE, 0))
        client.connect_ex((self.node.address, self.port))
        self.opened += 1
        return client

    def run(self) -> None:
        clients = [self._open() for _ in range(self.number)]
        while not self._done.wait(0.02):
            for index, client in enumerate(clients):
                try:
                    gone = client.recv(1) == b""
                except BlockingIOError:
                    gone = False
                except OSError:
                    gone = True
                if gone:
                    client.close()
                    clients[index] = self._open()
        for client in clients:
            client.close()


def test_silent_clients_of_the_role_port_do_not_delay_a_switchover(
    running: Cluster, fresh: Pair
) -> None:
    """500 for each node, opened again for as long as it lasts."""
    srv1, srv2 = running.nodes
    srv1.postgres.sql("TRUNCATE t")
    eventually(replicates(srv1, srv2), "srv2 replicates", 20)
    with Silent(srv1, ROLE, 500) as first, Silent(srv2, ROLE, 500) as second:
        eventually(lambda: first.opened > 1000 < second.opened, "they come again")
        for node in running.nodes:
            for _ in range(10):
                began = time.monotonic()
                assert node.read(ROLE, b"prod test\n") in ("up\n", "down\n")
                assert time.monotonic() - began < 1.5, "a node waits for no place"
        with Load(srv1.address) as one, Load(srv2.address) as two:
            eventually(lambda: len(one.attempts) > 20 < len(two.attempts), "clients are served")
            switch_over(running, srv1, srv2)
            promoted = time.monotonic()
            eventually(
                lambda: one.served_by(promoted) == two.served_by(promoted) == ["srv2"],
                "srv2 serves",
            )
    for load in (one, two):
        assert load.failed == [] and load.misrouted == []
        assert load.served_by() == ["srv1", "srv2"]
    for node in running.nodes:
        assert node.mend().err == ""


def test_silent_clients_of_the_role_port_are_closed(steady: Cluster) -> None:
    with connect_plain(steady.srv1.address, ROLE) as client:
        began = time.monotonic()
        assert client.recv(1) == b""
        assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("port", [ROLE, STATS])
def test_one_source_does_not_take_all_places(steady: Cluster, port: int) -> None:
    node = steady.srv1
    with crowd(node, port, 1000):
        for _ in range(3):
            with connect_plain(node.address, port) as client:
                client.sendall(b"prod test\n" if port == ROLE else b"GET / HTTP/1.0\r\n\r\n")
                assert client.recv(2) in (b"up", b"HT")


def test_who_may_ask_the_role_port(cluster: Cluster) -> None:
    """The networks of the parameter are let in, and the nodes in any case."""
    for node in cluster.nodes:
        node.params["role_allow"] = "192.0.2.0/24"
    cluster.start()
    node = cluster.srv1

    def answer(source: str) -> bytes:
        try:
            with socket.create_connection((node.address, ROLE), 5, (source, 0)) as client:
                client.sendall(b"prod test\n")
                return client.recv(2)
        except OSError:
            return b""

    assert answer(ELSEWHERE) == b""
    assert answer("127.0.0.1") == answer(cluster.srv2.address) == b"up"
