"""PgBouncer's admin console (pgbouncer(1), "Admin console"), over its Unix socket.

It is PostgreSQL's simple query protocol (PostgreSQL's documentation, "Frontend/Backend Protocol").
A notification uses it, so it needs the standard library alone.
"""

from __future__ import annotations

# The C module under `socket`, as in runtime.py.
import _socket
import os
import time

from .ocf import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    Row = dict[str, str]

PROTOCOL = 196608  # 3.0
ADMIN = "pgbouncer"
"""The user and the database of the console. PgBouncer lets this user in without a password if the
client is a process of PgBouncer's own OS user.
"""


class Console:
    """A session with the console. path: of the socket. within: s for the whole session.

    Raises AgentError from every method if PgBouncer does not answer in time, or refuses.
    """

    def __init__(self, path: str, within: float) -> None:
        self.path = path
        self._end = time.monotonic() + within
        self._within = within
        self._data = b""
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            self._connect()
            words = "\0".join(("user", ADMIN, "database", ADMIN, "\0")).encode()
            self._send(b"", PROTOCOL.to_bytes(4, "big") + words)
            self._answer()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def left(self) -> float:
        """Returns the s that are left."""
        return self._end - time.monotonic()

    def ask(self, command: str) -> list[Row]:
        """Returns the rows of the answer to a command; values are text, NULL is ''."""
        self._send(b"Q", command.encode() + b"\0")
        return self._answer()

    def _connect(self) -> None:
        """Connects as the OS user that owns the socket: PgBouncer asks the kernel for the client's
        effective user (unix(7), SO_PEERCRED).
        """
        try:
            owner = os.stat(self.path).st_uid
            self._socket.settimeout(max(self.left(), 0.001))
            os.seteuid(owner)
            try:
                self._socket.connect(self.path)
            finally:
                os.seteuid(os.getuid())
        except OSError as error:
            raise self._failed(error) from error

    def _send(self, kind: bytes, body: bytes) -> None:
        data = kind + (len(body) + 4).to_bytes(4, "big") + body
        try:
            while data:
                self._socket.settimeout(max(self.left(), 0.001))
                data = data[self._socket.send(data) :]
        except OSError as error:
            raise self._failed(error) from error

    def _answer(self) -> list[Row]:
        """Reads up to ReadyForQuery."""
        columns: list[str] = []
        rows: list[Row] = []
        refusal = ""
        while True:
            kind, body = self._message()
            if kind == b"Z":
                break
            if kind == b"T":
                columns = _columns(body)
            elif kind == b"D":
                rows.append(dict(zip(columns, _values(body))))
            elif kind == b"E":
                refusal = _field(body, "M")
            elif kind == b"R" and body != bytes(4):
                refusal = "it asks for a password"
                break
        if refusal:
            raise AgentError(f"PgBouncer on {self.path} refuses: {refusal}")
        return rows

    def _message(self) -> tuple[bytes, bytes]:
        head = self._read(5)
        return head[:1], self._read(int.from_bytes(head[1:], "big") - 4)

    def _read(self, size: int) -> bytes:
        while len(self._data) < size:
            try:
                self._socket.settimeout(max(self.left(), 0.001))
                chunk = self._socket.recv(65536)
            except OSError as error:
                raise self._failed(error) from error
            if not chunk:
                raise AgentError(f"PgBouncer on {self.path} has closed the connection")
            self._data += chunk
        data, self._data = self._data[:size], self._data[size:]
        return data

    def _failed(self, error: OSError) -> AgentError:
        if isinstance(error, _socket.timeout):
            return AgentError(f"PgBouncer on {self.path} does not answer within {self._within:g} s")
        return AgentError(f"PgBouncer on {self.path}: {error.strerror or error}")


def _columns(body: bytes) -> list[str]:
    """Returns the names in a RowDescription."""
    names, at = [], 2
    for _ in range(int.from_bytes(body[:2], "big")):
        end = body.index(b"\0", at)
        names.append(body[at:end].decode("utf-8", "replace"))
        at = end + 19
    return names


def _values(body: bytes) -> list[str]:
    """Returns the values of a DataRow."""
    values, at = [], 2
    for _ in range(int.from_bytes(body[:2], "big")):
        size = int.from_bytes(body[at : at + 4], "big", signed=True)
        at += 4
        values.append(body[at : at + max(size, 0)].decode("utf-8", "replace"))
        at += max(size, 0)
    return values


def _field(body: bytes, code: str) -> str:
    """Returns a field of an ErrorResponse."""
    for field in body.decode("utf-8", "replace").split("\0"):
        if field.startswith(code):
            return field[1:]
    return "no reason given"
