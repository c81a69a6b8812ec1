"""HAProxy's runtime socket (HAProxy Management Guide, "Unix Socket commands")."""

from __future__ import annotations

# The C module under `socket`, which would cost a notify 8 ms for its enums.
import _socket
import time

from .ocf import AgentError
from .routing import DRAIN, HOLD, MAINT, READY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .routing import Server

LARGEST = 64 << 20  # `show sess` takes about 500 bytes for each session
# Bits of srv_admin_state (Management Guide, "show servers state").
_INHERITED = 0x02
_MAINT_BITS = 0x01 | _INHERITED
_UNRESOLVED = 0x20
"""The name of the server did not resolve when HAProxy started. The server is down in any state, and
no command changes that. A server that follows it inherits maintenance.
"""
_DRAIN_BITS = 0x08 | 0x10
_COLUMNS = ("be_name", "srv_name", "srv_admin_state", "srv_op_state")
_UP = "2"


class NotServing(AgentError):
    """Nobody listens on the runtime socket: HAProxy does not run."""


class Hung(AgentError):
    """The process is there, but nobody gets an answer from it."""


class Runtime:
    """One HAProxy. path: its admin socket. timeout: s for one exchange, connection included.
    half_close: whether to shut down our side after the command, as the master's socket needs it.
    """

    def __init__(self, path: str, timeout: float = 3.0, half_close: bool = False) -> None:
        self.path = path
        self.timeout = timeout
        self.half_close = half_close

    def ask(self, command: str) -> str:
        """Sends one line of commands (joined by ';') and returns the whole answer.

        Raises NotServing if no process listens, Hung if it does not answer in time, AgentError if
        its answer is not whole.
        """
        end = time.monotonic() + self.timeout
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            sock.settimeout(self.timeout)
            try:
                sock.connect(self.path)
            except (FileNotFoundError, ConnectionRefusedError) as error:
                raise NotServing(f"HAProxy does not listen on {self.path}") from error
            line = command.encode() + b"\n"
            while line:
                line = line[sock.send(line) :]
            if self.half_close:
                sock.shutdown(_socket.SHUT_WR)
            chunks: list[bytes] = []
            size = 0
            while size < LARGEST:
                left = end - time.monotonic()
                if left <= 0:
                    raise _socket.timeout
                sock.settimeout(left)
                chunk = sock.recv(65536)
                if not chunk:
                    return self._whole(b"".join(chunks).decode("utf-8", "replace"))
                chunks.append(chunk)
                size += len(chunk)
            raise AgentError(f"HAProxy's answer on {self.path} is longer than {LARGEST} bytes")
        except _socket.timeout as error:  # TimeoutError from Python 3.10 on
            raise Hung(
                f"HAProxy does not answer on {self.path} within {self.timeout:g} s: it hangs"
            ) from error
        except OSError as error:
            raise AgentError(f"HAProxy on {self.path}: {error.strerror or error}") from error
        finally:
            sock.close()

    def _whole(self, answer: str) -> str:
        """Returns the answer if its last line is empty: so HAProxy ends what it says."""
        if not ("\n" + answer).endswith("\n\n"):
            raise AgentError(f"HAProxy's answer on {self.path} is cut off")
        return answer

    def run(self, lines: Sequence[str]) -> list[str]:
        """Runs commands that change a state, in one exchange. Returns what HAProxy objected to."""
        if not lines:
            return []
        return [line for line in self.ask(";".join(lines)).splitlines() if line.strip()]

    def servers(self) -> tuple[dict[Server, str], set[Server]]:
        """Returns the administrative state of every server, and the set of those that are up."""
        states: dict[Server, str] = {}
        up: set[Server] = set()
        for fields in self._states():
            server = fields["be_name"], fields["srv_name"]
            if server[1] == HOLD:
                continue
            try:
                bits = int(fields["srv_admin_state"])
            except ValueError as error:
                text = f"HAProxy on {self.path} reports a server state that is no number: {fields}"
                raise AgentError(text) from error
            if bits & _UNRESOLVED:
                bits &= ~_INHERITED
            states[server] = MAINT if bits & _MAINT_BITS else DRAIN if bits & _DRAIN_BITS else READY
            if fields["srv_op_state"] == _UP:
                up.add(server)
        if not states:
            raise AgentError(f"HAProxy on {self.path} lists no servers")
        return states, up

    def _states(self) -> Iterator[dict[str, str]]:
        columns: list[str] = []
        for line in self.ask("show servers state").splitlines():
            if line.startswith("# "):
                columns = line[2:].split()
                continue
            fields = dict(zip(columns, line.split()))
            if all(name in fields for name in _COLUMNS):
                yield fields


def admin_socket(statedir: str) -> str:
    return statedir + "/admin.sock"
