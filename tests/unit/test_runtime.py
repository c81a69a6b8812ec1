"""The runtime socket: whatever stands behind it, one answer or one clear error."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from paf_haproxy.ocf import ERR_GENERIC, AgentError
from paf_haproxy.routing import DRAIN, MAINT, PROD, READY, STDBY
from paf_haproxy.runtime import LARGEST, NotServing, Runtime, admin_socket

from tests.tools.fake_haproxy import PATIENCE, FakeHaproxy, listening, read_line
from tests.tools.model import ADMIN_BITS, COLUMNS, Model

SHORT = 0.3  # s, for what never answers
HEADER = f"1\n# {COLUMNS}\n"
ROW = "2 prod 1 srv1 10.0.0.1 2 0 1 1 0 1 0 0 14 22 0 0 - 5434 - 0 0 - - 5435\n"

Serve = Callable[[socket.socket], None]


def says(text: str | bytes) -> Serve:
    """Returns what reads a command, answers with the text and closes."""

    def serve(connection: socket.socket) -> None:
        read_line(connection)
        connection.sendall(text if isinstance(text, bytes) else text.encode())

    return serve


def error(path: Path, serve: Serve, timeout: float = PATIENCE) -> AgentError:
    with listening(path, serve), pytest.raises(AgentError) as caught:
        Runtime(str(path), timeout).servers()
    assert caught.value.code == ERR_GENERIC
    assert str(path) in caught.value.reason
    assert "None" not in caught.value.reason
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "admin.sock"


def test_nobody_listens(path: Path) -> None:
    for _ in range(2):
        with pytest.raises(NotServing, match=f"HAProxy does not listen on {path}"):
            Runtime(str(path)).ask("show info")
        # The socket of a process that was killed: it is there, and refuses.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))


def test_a_path_that_no_socket_can_have() -> None:
    with pytest.raises(AgentError) as caught:
        Runtime("/run/" + "x" * 200).ask("show info")
    assert "too long" in caught.value.reason


def test_it_hangs(path: Path) -> None:
    """Connected by the kernel, read by nobody: HAProxy is stopped."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(
            AgentError, match=r"does not answer .* within 0\.3 s: it hangs"
        ) as caught:
            Runtime(str(path), SHORT).ask("show info")
    assert not isinstance(caught.value, NotServing), "it runs"


def test_one_deadline_for_the_whole_exchange(path: Path) -> None:
    """An answer that trickles in, each byte in time, does not go on for ever."""
    given_up = threading.Event()

    def trickle(connection: socket.socket) -> None:
        read_line(connection)
        answer = iter((HEADER + ROW + "\n").encode())
        while not given_up.wait(SHORT / 5):
            connection.sendall(bytes([next(answer)]))

    with listening(path, trickle):
        with pytest.raises(AgentError, match="it hangs"):
            Runtime(str(path), SHORT).servers()
        given_up.set()


def test_a_slow_answer_in_time(path: Path) -> None:
    def slow(connection: socket.socket) -> None:
        read_line(connection)
        for part in (HEADER, ROW[:20], ROW[20:], "\n"):
            threading.Event().wait(0.02)
            connection.sendall(part.encode())

    with listening(path, slow):
        assert Runtime(str(path), PATIENCE).servers() == ({(PROD, "srv1"): READY}, {(PROD, "srv1")})


def test_closed_without_an_answer(path: Path) -> None:
    assert "cut off" in error(path, says("")).reason
    unread = error(path, lambda connection: None).reason
    assert any(words in unread for words in ("cut off", "reset by peer", "Broken pipe"))


@pytest.mark.parametrize("cut", [1, 2, 10, len(ROW) // 2, len(ROW), len(ROW) + 1])
def test_cut_off(path: Path, cut: int) -> None:
    """HAProxy ends an answer with an empty line; without it, it died on the way."""
    assert "cut off" in error(path, says((HEADER + ROW + ROW + "\n")[:-cut])).reason


def test_an_answer_without_end(path: Path) -> None:
    def pour(connection: socket.socket) -> None:
        read_line(connection)
        while True:  # until the other side has had enough
            connection.sendall(b"x" * 65536)

    assert f"longer than {LARGEST} bytes" in error(path, pour).reason


@pytest.mark.parametrize(
    "text",
    [
        "\n\n",
        "Unknown command: 'show servers state'\n\n",
        "Permission denied\n\n",
        HEADER + "\n",
        ROW + "\n",
        HEADER + "2 prod 1\n\n",
        HEADER + ROW.replace(" 2 0 1 ", " 2 ? 1 ") + "\n",
        HEADER + ROW.replace(" 2 0 1 ", " 2 0x1 1 ") + "\n",
        b"\xff\xfe\x00garbage" * 99 + b"\n\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n\n\n",
    ],
)
def test_garbage(path: Path, text: str | bytes) -> None:
    assert error(path, says(text)).reason.isprintable()


def test_states(path: Path) -> None:
    states = {
        (PROD, "srv1"): READY,
        (PROD, "srv2"): MAINT,
        (STDBY, "srv1"): DRAIN,
        (STDBY, "srv2"): READY,
    }
    model = Model(states)
    model.servers[STDBY, "srv2"].agent = False
    with FakeHaproxy(model).listen(path):
        assert Runtime(str(path)).servers() == (states, {(PROD, "srv1"), (STDBY, "srv1")})


@pytest.mark.parametrize(
    ("bits", "state"),
    [
        (0x00, READY),
        (0x01, MAINT),  # forced
        (0x02, MAINT),  # inherited
        (0x05, MAINT),  # `disabled` in the file
        (0x20, READY),  # its name does not resolve; no administrator has set that
        (0x21, MAINT),
        (0x22, READY),
        (0x04, READY),  # it was `disabled` in the file once
        (0x08, DRAIN),
        (0x10, DRAIN),
        (0x0C, DRAIN),
        (0x09, MAINT),
    ],
)
def test_admin_state(path: Path, bits: int, state: str) -> None:
    row = ROW.replace(" 2 0 1 ", f" 2 {bits} 1 ")
    with listening(path, says(HEADER + row + "\n")):
        assert Runtime(str(path)).servers()[0] == {(PROD, "srv1"): state}
    assert set(ADMIN_BITS) == {READY, MAINT, DRAIN}


def test_columns_by_name(path: Path) -> None:
    """Later versions add columns; their order is not ours to know."""
    text = "2\n# srv_name new srv_op_state be_name srv_admin_state\nsrv1 x 2 prod 8\n\n"
    with listening(path, says(text)):
        assert Runtime(str(path)).servers() == ({(PROD, "srv1"): DRAIN}, {(PROD, "srv1")})


def test_commands_in_one_exchange(path: Path) -> None:
    haproxy = FakeHaproxy(Model.fresh(["srv1"]))
    lines = ["set server prod/srv1 agent down", "set server prod/srv1 state ready"]
    with haproxy.listen(path):
        assert Runtime(str(path)).run(lines) == []
        assert haproxy.take() == lines
        assert haproxy.model.ready() == {"srv1"}
        assert Runtime(str(path)).run(["set server prod/srv9 state ready", *lines]) == [
            "No such server."
        ]


def test_nothing_to_run_asks_nobody(path: Path) -> None:
    assert Runtime(str(path)).run([]) == []


def test_the_sockets_place() -> None:
    assert admin_socket("/run/x") == "/run/x/admin.sock"
