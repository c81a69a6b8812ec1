"""A node without a cluster: its own address, state directory and PostgreSQL; the real agent runs
HAProxy on it, and stand-ins answer for Pacemaker.
"""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from paf_haproxy.ocf import RUNNING_PROMOTED
from paf_haproxy.routing import HOLD

from . import ROOT, environments
from .instance import Instance
from .waiting import at_once, eventually

AGENT = Path("/usr/lib/ocf/resource.d/paf/haproxy")
STAND_INS = ROOT / "tests" / "tools" / "pacemaker"
PROD, STDBY, STATE, ROLE, STATS, REST, REPLICATION = 5432, 5433, 5431, 5435, 7000, 8008, 5437
POOLS = ("prod", "stdby")
STATES = {0x00: "ready", 0x04: "ready", 0x08: "drain", 0x0C: "drain", 0x01: "maint", 0x05: "maint"}


@dataclass(frozen=True)
class Result:
    """What an action of the agent ended with."""

    code: int
    out: str
    err: str

    @property
    def reasons(self) -> list[str]:
        prefix = "ocf-exit-reason:"
        lines = self.err.splitlines()
        return [line[len(prefix) :] for line in lines if line.startswith(prefix)]


class Node:
    """params: the agent's, by name; a test may change them."""

    program = "/usr/sbin/haproxy"  # pytest's option --haproxy

    def __init__(self, postgres: Instance, nodes: str, directory: Path, mock: Path) -> None:
        self.name = postgres.name
        self.address = postgres.address
        self.postgres = postgres
        self.statedir = directory
        self.mock = mock
        self.params = {
            "nodes": nodes,
            "bind": self.address,
            "pghost": str(postgres.socket),
            "statedir": str(self.statedir),
            "keepdir": f"{self.statedir}.kept",
            "stop_grace": "100ms",
            # Where nobody listens, if there is no syslog on this machine.
            "log": "127.0.0.1:5514",
            "haproxy": self.program,
        }

    @property
    def environ(self) -> dict[str, str]:
        environ = {f"OCF_RESKEY_{name}": value for name, value in self.params.items()}
        return environ | {
            "PATH": f"{STAND_INS}:/usr/sbin:/usr/bin:/sbin:/bin",
            "MOCK_PACEMAKER": str(self.mock),
            "OCF_ROOT": "/usr/lib/ocf",
            "OCF_RESOURCE_INSTANCE": "haproxy",
            "OCF_RESKEY_CRM_meta_on_node": self.name,
        }

    def act(
        self, action: str, timeout: float = 20, environ: Mapping[str, str] | None = None
    ) -> Result:
        """Runs an action as Pacemaker would, with `timeout` s for it. A test that needs more than
        that, and a little for the process itself, fails.
        """
        meta = {"OCF_RESKEY_CRM_meta_timeout": str(int(timeout * 1000))}
        done = subprocess.run(
            [str(AGENT), action],
            capture_output=True,
            text=True,
            env=self.environ | dict(environ or {}) | meta,
            stdin=subprocess.DEVNULL,
            timeout=timeout + 2,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def do(self, action: str, timeout: float = 20, code: int = 0) -> Result:
        """Runs an action that ends with `code`."""
        result = self.act(action, timeout)
        assert result.code == code, f"{self.name} {action}: {result}"
        return result

    def mend(self, code: int = 0) -> Result:
        """Runs the recurring monitor action, of the promoted role if that is its expected code."""
        environ = {"OCF_RESKEY_CRM_meta_interval": "4000"}
        if code == RUNNING_PROMOTED:
            environ["OCF_RESKEY_CRM_meta_role"] = "Promoted"
        result = self.act("monitor", environ=environ)
        assert result.code == code, f"{self.name} monitor: {result}"
        return result

    def notify(self, event: str, *, promoted: Sequence[str] = (), **changes: Sequence[str]) -> None:
        """Runs the notify action for an event such as 'pre-demote'."""
        names = [item.partition("=")[0] for item in self.params["nodes"].split()]
        environ = environments.notification(
            event, self.name, all_nodes=names, promoted=promoted, **changes
        )
        result = self.act("notify", environ=environ)
        assert result.code == 0, result

    # What HAProxy says.

    def haproxy(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(5)
            admin.connect(str(self.statedir / "admin.sock"))
            admin.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()

    def servers(self) -> dict[str, tuple[str, bool]]:
        """Returns the administrative state of each node's server, and whether it is up: under
        'prod/srv1' and so on.
        """
        lines = self.haproxy("show servers state").splitlines()
        columns = lines[1].lstrip("# ").split()
        found = {}
        for line in lines[2:]:
            row = dict(zip(columns, line.split()))
            if row and row["be_name"] in POOLS and row["srv_name"] != HOLD:
                # 0x20: its name did not resolve. No administrator has set that.
                state = STATES[int(row["srv_admin_state"]) & ~0x20]
                found[f"{row['be_name']}/{row['srv_name']}"] = state, row["srv_op_state"] == "2"
        return found

    def states(self) -> dict[str, str]:
        """Returns the administrative state of each node's server."""
        return {name: state for name, (state, _) in self.servers().items()}

    def up(self, server: str) -> bool:
        return self.servers()[server][1]

    def await_up(self, server: str, up: bool = True, within: float = 10) -> None:
        what = f"{server} on {self.name} is {'up' if up else 'down'}"
        eventually(lambda: self.up(server) is up, what, within)

    def state(self, server: str) -> str:
        return self.servers()[server][0]

    def pid(self) -> int:
        """Returns the pid of the HAProxy that answers."""
        (line,) = [
            line for line in self.haproxy("show info").splitlines() if line.startswith("Pid:")
        ]
        return int(line.split()[1])

    def processes(self) -> list[int]:
        """Returns the pids of HAProxy's master and of all its workers."""
        config = str(self.statedir / "haproxy.cfg").encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue  # no process, or gone meanwhile
            if words[0].endswith(b"haproxy") and config in words and state != "Z":
                found.append(int(entry.name))
        return sorted(found)

    def pids(self) -> list[int]:
        """Returns the pids of HAProxy's workers, those that finish after a reload too."""
        everyone = self.processes()
        parents = {pid: int(_stat(pid)[1]) for pid in everyone}
        return [pid for pid in everyone if parents[pid] in everyone]

    def master(self) -> int:
        """Returns the pid of HAProxy's master."""
        return int((self.statedir / "haproxy.pid").read_text())

    def kill(self) -> None:
        """Kills HAProxy as the kernel would."""
        pids = self.processes()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended with its master
        eventually(lambda: not self.processes(), "HAProxy is gone")
        # A process that exits loses its command line before the kernel closes its sockets.
        eventually(lambda: all(map(_ended, pids)), "its sockets are closed")

    # What others hear.

    def read(self, port: int, say: bytes = b"", timeout: float = 5) -> str:
        """Connects, says something, and returns what comes until the other side closes."""
        with socket.create_connection((self.address, port), timeout=timeout) as connection:
            if say:
                connection.sendall(say)
            return b"".join(iter(lambda: connection.recv(4096), b"")).decode()

    def tells(self) -> str:
        """Returns what port 5431 says, without its newline."""
        text = self.read(STATE)
        assert text.endswith("\n"), repr(text)
        return text.rstrip("\n")

    def role(self) -> dict[str, str]:
        """Returns the role file's fields."""
        lines = (self.statedir / "role").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


def _stat(pid: int) -> list[str]:
    """Returns the fields of /proc/PID/stat after the name; zeros if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["X", "0"]


class Cluster:
    """Two nodes, and what Pacemaker would say of them."""

    def __init__(self, first: Node, second: Node, mock: Path) -> None:
        self.srv1 = first
        self.srv2 = second
        self.nodes = (first, second)
        self.mock = mock

    def pacemaker(self, promoted: str | None, state: str = "S_IDLE") -> None:
        """Says who is promoted and what the controller does; None: there is no cluster."""
        if promoted is None:
            for name in ("promoted", "state"):
                (self.mock / name).unlink(missing_ok=True)
        else:
            (self.mock / "promoted").write_text(promoted)
            (self.mock / "state").write_text(state)

    def paf_waits(self) -> None:
        """Says that PAF's demote comes after HAProxy's, by a constraint."""
        (self.mock / "paf-waits").touch()

    def attributes(self) -> list[str]:
        """Returns what crm_attribute was asked for."""
        path = self.mock / "attributes"
        return path.read_text().splitlines() if path.exists() else []

    def start(self) -> None:
        """Starts HAProxy on both nodes, and waits until both lead to the primary."""
        at_once(*(functools.partial(node.do, "start") for node in self.nodes))
        for node in self.nodes:
            node.await_up("prod/srv1")

    def notify(self, event: str, *, promoted: Sequence[str] = (), **changes: Sequence[str]) -> None:
        for node in self.nodes:
            node.notify(event, promoted=promoted, **changes)

    def end(self) -> None:
        """Ends every HAProxy, without the agent."""
        for node in self.nodes:
            node.kill()


def elapsed(since: float) -> float:
    return time.monotonic() - since


def _ended(pid: int) -> bool:
    """Returns whether no thread of a process is left: the last one closes its sockets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return True
    return text.rpartition(")")[2].split()[0] in "ZX" and len(threads) <= 1
