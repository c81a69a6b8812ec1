"""A runtime socket with a model of HAProxy behind it, or with whatever a broken one might say."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from .model import Model

PATIENCE = 10.0  # s for the other side to say something; a test that needs it has failed


@contextlib.contextmanager
def listening(path: Path, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """Listens on a Unix socket and lets `serve` handle one connection after the other."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # the listener was shut down
            with connection:
                connection.settimeout(PATIENCE)
                with contextlib.suppress(OSError):  # the agent went away, as it may
                    serve(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE)
        path.unlink()


def read_line(connection: socket.socket) -> str:
    line = b""
    while not line.endswith(b"\n"):
        chunk = connection.recv(65536)
        if not chunk:
            break
        line += chunk
    return line.decode().rstrip("\n")


class FakeHaproxy:
    """commands: all that changed something, in order, since `take` was called last."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.commands: list[str] = []

    def serve(self, connection: socket.socket) -> None:
        answers = []
        for command in read_line(connection).split(";"):
            if command == "show servers state":
                answers.append(self.model.show_servers_state())
            elif command == "show info":
                answers.append("Name: HAProxy\nPid: 4711\n")
            else:
                self.commands.append(command)
                objection = self.model.run(command)
                answers.append(objection + "\n" if objection else "")
        connection.sendall("".join(answer + "\n" for answer in answers).encode())

    def take(self) -> list[str]:
        commands, self.commands = self.commands, []
        return commands

    def listen(self, path: Path) -> contextlib.AbstractContextManager[None]:
        return listening(path, self.serve)
