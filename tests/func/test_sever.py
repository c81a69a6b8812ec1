"""The kernel drops connections to a node that is lost, whoever holds them, and no others."""

from __future__ import annotations

import socket

import pytest
from paf_haproxy.notify import sever
from paf_haproxy.runtime import Runtime

pytestmark = pytest.mark.func


def test_sever(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as lost,
        socket.create_server(("127.0.0.1", 0)) as up,
    ):
        where = {"srv1": f"127.0.0.1:{lost.getsockname()[1]}"}
        monkeypatch.setattr(Runtime, "addresses", lambda _: where)
        with (
            socket.create_connection(lost.getsockname()) as gone,
            socket.create_connection(up.getsockname()) as kept,
        ):
            sever("/nowhere", ["srv1"])
            gone.settimeout(5)
            with pytest.raises(ConnectionError):
                gone.recv(1)
            accepted, _ = up.accept()
            with accepted:
                accepted.sendall(b"!")
                assert kept.recv(1) == b"!"
