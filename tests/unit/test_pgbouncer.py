"""The errors that the console reports. tests/func/test_pooler.py runs a real PgBouncer."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paf_haproxy.ocf import AgentError
from paf_haproxy.pgbouncer import Console


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


READY = message(b"Z", b"I")
LOGGED_IN = message(b"R", bytes(4)) + message(b"S", b"server_version\x001.18.0/bouncer\0") + READY
ROWS = (
    message(b"T", b"\0\2name\0" + bytes(18) + b"port\0" + bytes(18))
    + message(b"D", b"\0\2" + (3).to_bytes(4, "big") + b"app" + b"\xff" * 4)
    + message(b"C", b"SHOW\0")
    + READY
)


@contextlib.contextmanager
def saying(path: Path, *answers: bytes) -> Iterator[None]:
    """A server that gives one answer for each message, and closes after the last. b'': none."""

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            for answer in answers:
                client.recv(65536)
                client.sendall(answer)
                if not answer:
                    client.recv(1)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            thread.join(timeout=10)


def refused(path: Path, command: str = "SHOW DATABASES", within: float = 5) -> str:
    with pytest.raises(AgentError) as caught, contextlib.closing(Console(str(path), within)) as it:
        it.ask(command)
    assert str(path) in caught.value.reason
    return caught.value.reason.replace(str(path), "SOCKET")


def test_rows(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with saying(path, LOGGED_IN, ROWS), contextlib.closing(Console(str(path), 5)) as console:
        assert console.ask("SHOW DATABASES") == [{"name": "app", "port": ""}]


def test_nobody_listens(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == "PgBouncer on SOCKET: No such file or directory"


def test_a_password_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with saying(path, message(b"R", (10).to_bytes(4, "big") + b"SCRAM-SHA-256\0\0")):
        assert refused(path) == "PgBouncer on SOCKET refuses: it asks for a password"


def test_a_command_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    error = message(b"E", b"SERROR\0C08P01\0Madmin access needed\0\0")
    with saying(path, LOGGED_IN, error + READY):
        assert refused(path) == "PgBouncer on SOCKET refuses: admin access needed"


@pytest.mark.parametrize("answers", [(LOGGED_IN[:7],), (LOGGED_IN, ROWS[:30])])
def test_it_closes_in_the_middle(answers: tuple[bytes, ...], tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with saying(path, *answers):
        assert refused(path) == "PgBouncer on SOCKET has closed the connection"


@pytest.mark.parametrize("answers", [(b"",), (LOGGED_IN, b"")])
def test_it_gives_no_answer(answers: tuple[bytes, ...], tmp_path: Path) -> None:
    path = tmp_path / "socket"
    began = time.monotonic()
    with saying(path, *answers):
        assert refused(path, within=0.3) == "PgBouncer on SOCKET does not answer within 0.3 s"
    assert time.monotonic() - began >= 0.3
