"""HAProxy's master process and its command line (HAProxy Management Guide, "Master CLI").

After a reload the worker before it goes on until its sessions have ended. It leaves the runtime
socket to the new worker, and only the master reaches it. On the hot path: a promotion closes the
sessions in such workers, too.
"""

from __future__ import annotations

# The C module under `socket`, as in runtime.py.
import _socket
import sys

from .ocf import AgentError
from .runtime import NotServing, Runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .routing import Server

PATIENCE = 1.0  # s for an answer of the master, which only forwards
BATCH = 100  # sessions that are closed by one line; a line must fit into 16 kB (tune.bufsize)


class Processes:
    """What `show proc` lists. master, worker: pids, worker is None if there is none. old: the pids
    of the workers that finish their sessions. failed: reloads that failed since the last one that
    did not; None if HAProxy does not say so (before 2.6).
    """

    __slots__ = ("failed", "master", "old", "worker")

    def __init__(self, text: str) -> None:
        self.master = 0
        self.worker: int | None = None
        self.old: list[int] = []
        self.failed: int | None = None
        section = ""
        for line in text.splitlines():
            if line.startswith("#"):
                section = line
                continue
            words = line.split()
            if not words or not words[0].isdecimal():
                continue
            pid, kind = int(words[0]), words[1]
            if kind == "master":
                self.master = pid
                failed = line.partition("[failed: ")[2].partition("]")[0]
                self.failed = int(failed) if failed.isdecimal() else None
            elif kind == "worker" and section == "# workers":
                self.worker = pid
            elif kind == "worker" and section == "# old workers":
                self.old.append(pid)


def path(statedir: str) -> str:
    return statedir + "/master.sock"


def socket(statedir: str) -> Runtime:
    """Returns the master's socket. The master closes a connection only after the client has shut
    down its side.
    """
    return Runtime(path(statedir), PATIENCE, half_close=True)


def peer(statedir: str) -> int:
    """Returns the pid of the master, which the kernel knows (unix(7), SO_PEERCRED). Raises OSError
    without a master.
    """
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        sock.settimeout(PATIENCE)
        sock.connect(path(statedir))
        data = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        return int.from_bytes(data[:4], sys.byteorder)
    finally:
        sock.close()


def processes(statedir: str) -> Processes:
    """Returns HAProxy's processes. Raises NotServing without a master, AgentError if it does not
    answer.
    """
    return Processes(socket(statedir).ask("show proc"))


def close_sessions(cli: Runtime, servers: Iterable[Server], worker: str = "") -> int:
    """Closes the sessions to these servers, each by its name. Returns how many. worker: the prefix
    of a worker on the master's socket, e.g. '@!4711 '; without it, cli is the worker's own socket.

    `shutdown sessions server` leaves out the sessions that have waited in the queue (HAProxy 2.6),
    and a worker that finishes refuses it ("Proxy is disabled").
    """
    targets = set(servers)
    found = [name for name, _ in _sessions(cli.ask(f"{worker}show sess"), targets)]
    for start in range(0, len(found), BATCH):
        batch = found[start : start + BATCH]
        cli.ask(";".join(f"{worker}shutdown session {name}" for name in batch))
    return len(found)


def close_old_sessions(statedir: str, servers: Iterable[Server]) -> int:
    """Closes the sessions to these servers in all workers that finish. Returns how many.

    Raises AgentError if the master does not answer.
    """
    targets = set(servers)
    if not targets:
        return 0
    try:
        old = processes(statedir).old
    except NotServing:
        return 0
    closed = 0
    cli = socket(statedir)
    failed: AgentError | None = None
    for pid in old:
        try:
            closed += close_sessions(cli, targets, f"@!{pid} ")
        except AgentError as error:
            failed = error  # the sessions in the other workers are closed even so
    if failed:
        raise failed
    return closed


def _sessions(text: str, targets: set[Server]) -> list[tuple[str, Server]]:
    """Returns name and server of the sessions to the targets, of what `show sess` lists."""
    found = []
    for line in text.splitlines():
        name, _, rest = line.partition(": ")
        fields = dict(word.split("=", 1) for word in rest.split() if "=" in word)
        server = fields.get("be", ""), fields.get("srv", "")
        if server in targets:
            found.append((name, server))
    return found
