"""Cancel requests through HAProxy: the instance that runs the query gets them, whatever pool."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

import psycopg2
import pytest

from tests.func.conftest import Pair
from tests.tools.instance import connect, stopped
from tests.tools.node import Cluster
from tests.tools.waiting import eventually

CODE = 80877102


def cancelled(address: str, port: int) -> float:
    """Runs a query of 5 s and cancels it after it has begun. Returns how long the cancel took, in
    s; fails if the query was not cancelled.
    """
    session = connect(address, port)
    session.autocommit = True
    outcome: list[str] = []

    def query() -> None:
        try:
            session.cursor().execute("SELECT pg_sleep(5)")
            outcome.append("done")
        except psycopg2.errors.QueryCanceled:
            outcome.append("cancelled")

    thread = threading.Thread(target=query)
    thread.start()
    time.sleep(0.2)
    began = time.monotonic()
    session.cancel()
    took = time.monotonic() - began
    thread.join(25)
    session.close()
    assert outcome == ["cancelled"]
    return took


def request(pid: int = 1, key: int = 1) -> bytes:
    return struct.pack(">IIII", 16, CODE, pid, key)


def sent(address: str, port: int, *parts: bytes, pause: float = 0.0) -> float:
    """Sends the parts. Returns after how many s the other side closes, without a byte."""
    began = time.monotonic()
    with socket.create_connection((address, port), timeout=10) as client:
        for part in parts:
            client.sendall(part)
            time.sleep(pause)
        assert client.recv(1) == b""
    return time.monotonic() - began


class Raw:
    """A session whose key is known (PostgreSQL, "Frontend/Backend Protocol", BackendKeyData)."""

    def __init__(self, address: str, port: int) -> None:
        self._socket = socket.create_connection((address, port), timeout=15)
        words = b"user\0app\0database\0postgres\0\0"
        self._socket.sendall(struct.pack(">II", len(words) + 8, 196608) + words)
        self._file = self._socket.makefile("rb")
        self.key = self.until(b"K")
        self.until(b"Z")

    def until(self, wanted: bytes) -> bytes:
        """Returns the body of the next message of a kind."""
        while True:
            kind = self._file.read(1)
            (length,) = struct.unpack(">I", self._file.read(4))
            body = self._file.read(length - 4)
            if kind == wanted:
                return body

    def sleep(self) -> None:
        query = b"SELECT pg_sleep(20)\0"
        self._socket.sendall(b"Q" + struct.pack(">I", len(query) + 4) + query)

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.mark.parametrize("port", [5432, 5433])
def test_a_query_is_cancelled(port: int, steady: Cluster) -> None:
    for node in steady.nodes:
        assert cancelled(node.postgres.address, port) < 5


@pytest.mark.parametrize(("runs", "asked"), [(5432, 5433), (5433, 5432)])
def test_it_reaches_the_instance_that_runs_the_query(
    runs: int, asked: int, steady: Cluster
) -> None:
    """Whatever pool leads where: the request goes to the other pool's port."""
    address = steady.srv2.postgres.address
    session = Raw(address, runs)
    session.sleep()
    time.sleep(0.2)
    sent(address, asked, struct.pack(">II", 16, CODE) + session.key)
    assert b"C57014" in session.until(b"E"), "query_canceled"
    session.close()


def test_a_request_in_parts(steady: Cluster) -> None:
    whole = request()
    for cut in (1, 7, 8, 15):
        sent(steady.srv1.postgres.address, 5432, whole[:cut], whole[cut:], pause=0.1)


@pytest.mark.parametrize("length", [0, 8, 15, 269, 2**32 - 1])
def test_a_request_of_a_wrong_length_is_dropped(length: int, steady: Cluster) -> None:
    bad = struct.pack(">IIII", length, CODE, 1, 1)
    assert sent(steady.srv1.postgres.address, 5433, bad) < 5


def test_a_long_key(steady: Cluster) -> None:
    """Of protocol 3.2, PostgreSQL 18. Older versions log it and close."""
    packet = struct.pack(">III", 12 + 32, CODE, 1) + bytes(32)
    sent(steady.srv1.postgres.address, 5432, packet)


def test_without_a_primary_it_does_not_wait(running: Cluster, fresh: Pair) -> None:
    srv1, srv2 = running.nodes
    srv1.postgres.stop("fast")
    srv2.await_up("prod/srv1", up=False)
    assert sent(srv2.postgres.address, 5432, request()) < 5


def test_more_than_are_passed_on_at_a_time(steady: Cluster) -> None:
    """All are closed, and HAProxy serves afterwards."""
    clients = [
        socket.create_connection((steady.srv1.postgres.address, 5432), timeout=10)
        for _ in range(120)
    ]
    for client in clients:
        client.sendall(request())
    assert [client.recv(1) for client in clients] == [b""] * 120
    for client in clients:
        client.close()
    assert cancelled(steady.srv1.postgres.address, 5432) < 5


def test_clients_that_disconnect_in_the_middle_take_no_place(running: Cluster, fresh: Pair) -> None:
    """A reset ends the service while it waits for a node: the places are free again."""
    address = running.srv1.postgres.address
    with stopped(running.srv2.postgres.pids()):  # its kernel accepts, and nobody answers
        for _ in range(60):
            client = socket.create_connection((address, 5432), timeout=10)
            client.sendall(request())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            time.sleep(0.01)
            client.close()
    eventually(lambda: cancelled(address, 5432) < 5, "the places are free again", within=30)


def test_half_a_request_is_rejected(steady: Cluster) -> None:
    """It holds no place: HAProxy waits 1 s for the whole of it."""
    address = steady.srv1.postgres.address
    clients = [socket.create_connection((address, 5432), timeout=10) for _ in range(60)]
    for client in clients:
        client.sendall(struct.pack(">II", 44, CODE))
    began = time.monotonic()
    assert cancelled(address, 5432) < 5
    for client in clients:
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
        client.close()
    assert time.monotonic() - began < 8


def test_a_session_begins_at_once(steady: Cluster) -> None:
    """HAProxy decides on the first 8 bytes, and does not wait for more."""
    with socket.create_connection((steady.srv1.postgres.address, 5432), timeout=10) as client:
        began = time.monotonic()
        client.sendall(struct.pack(">II", 8, 80877103))
        assert client.recv(1) in (b"N", b"S"), "the answer to SSLRequest"
        assert time.monotonic() - began < 0.9, "inspect-delay is 1 s"
