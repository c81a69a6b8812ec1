"""PostgreSQL instances on loopback addresses, so that every node has all ports for itself."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg2

from .waiting import eventually

PORT = 5434
WHO = "SELECT current_setting('cluster_name')"
"""Which of the instances answers."""
HBA = """\
local all         all               peer
host  all         all  127.0.0.0/8  trust
host  replication all  127.0.0.0/8  trust
"""
CONF = """\
listen_addresses = '{address}'
port = {port}
unix_socket_directories = '{socket}'
cluster_name = '{name}'
primary_conninfo = 'host={address} port=5437 user=postgres application_name={name}'
fsync = off
max_connections = 20
wal_keep_size = 64MB
wal_retrieve_retry_interval = 200ms
wal_receiver_timeout = 5s
wal_sender_timeout = 5s
log_checkpoints = off
"""
ROLES = (
    "CREATE ROLE haproxy LOGIN; GRANT pg_read_all_stats TO haproxy;"
    " CREATE ROLE app LOGIN; CREATE TABLE t (node text, at timestamptz)"
)
GRANT = "GRANT ALL ON t TO app"


def program(name: str, programs: Path | None = None) -> str:
    """Returns the path of one of PostgreSQL's programs: in a directory, or of the newest version
    that is installed.
    """
    if programs:
        return str(programs / name)
    found = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3])
    )
    assert found, f"{name} is not installed"
    return str(found[-1])


def as_postgres(*command: str) -> str:
    """Runs a command as the OS user postgres and returns what it says."""
    done = subprocess.run(
        ["runuser", "-u", "postgres", "--", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd="/",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
    return done.stdout


@contextlib.contextmanager
def stopped(pids: Iterable[int]) -> Iterator[None]:
    """Stops processes, so that they neither answer nor close anything, and lets them go on.

    One that was about to end may be gone by then: a backend is, once the postmaster reaps it.
    """
    held = [pid for pid in pids if _signal(pid, signal.SIGSTOP)]
    assert held, "there was nothing to stop"
    try:
        yield
    finally:
        for pid in held:
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> bool:
    """Returns False if there is no such process."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


class Instance:
    """One PostgreSQL. directory: of the node, readable by all. address: 127.x.y.z. programs: the
    directory of its programs; None: those of the newest version that is installed.
    """

    def __init__(
        self, name: str, address: str, directory: Path, programs: Path | None = None
    ) -> None:
        self.name = name
        self.programs = programs
        self.address = address
        self.data = directory / "data"
        self.socket = directory / "socket"
        self.log = directory / "postgresql.log"

    def build(self) -> None:
        """Makes a new instance, stopped."""
        self._directories()
        where = ("-D", str(self.data))
        as_postgres(self._program("initdb"), *where, "-N", "-A", "trust", "--wal-segsize=1")
        self.configure()

    def copy(self, primary: Instance) -> None:
        """Makes a standby of a running instance, stopped."""
        self._directories()
        source = ("-h", primary.address, "-p", str(PORT), "-D", str(self.data), "-c", "fast")
        as_postgres(self._program("pg_basebackup"), *source, "-N")
        self.configure()
        self.become_standby()

    def _program(self, name: str) -> str:
        return program(name, self.programs)

    def _directories(self) -> None:
        self.socket.mkdir(parents=True)
        shutil.chown(self.socket, "postgres", "postgres")
        self.socket.chmod(0o755)
        shutil.chown(self.data.parent, "postgres", "postgres")

    def configure(self, more: str = "") -> None:
        """Writes the configuration; `more` overrides."""
        text = CONF.format(address=self.address, port=PORT, socket=self.socket, name=self.name)
        (self.data / "postgresql.auto.conf").write_text(text + more)
        (self.data / "pg_hba.conf").write_text(HBA)

    def become_standby(self) -> None:
        as_postgres("touch", str(self.data / "standby.signal"))

    def start(self) -> None:
        self._ctl("start", "-l", str(self.log))

    def stop(self, mode: str = "fast") -> None:
        if self.running:
            self._ctl("stop", "-m", mode)

    def promote(self) -> None:
        self._ctl("promote")

    def _ctl(self, *words: str) -> None:
        as_postgres(self._program("pg_ctl"), "-s", "-w", "-D", str(self.data), *words)

    @property
    def postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    @property
    def running(self) -> bool:
        try:
            os.kill(self.postmaster, 0)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return True

    def pids(self) -> list[int]:
        """Returns the postmaster and its children."""
        pid = self.postmaster
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def kill(self) -> None:
        """Kills the postmaster as the kernel would, and waits until its children are gone."""
        pids = self.pids()
        os.kill(self.postmaster, signal.SIGKILL)
        eventually(
            lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids),
            "the postmaster and its children are gone",
        )

    def connect(self, user: str = "postgres") -> Any:
        """Returns a connection past HAProxy."""
        return connect(self.address, PORT, user)

    def sql(self, text: str) -> Any:
        """Returns the first row's first column, past HAProxy."""
        return ask(self.address, PORT, text, user="postgres")

    def checkpoint_location(self) -> str:
        """Returns the location of the last checkpoint of a stopped instance."""
        text = as_postgres(self._program("pg_controldata"), str(self.data))
        (location,) = re.findall(r"Latest checkpoint location: +(\S+)", text)
        return str(location)


def connect(
    address: str, port: int, user: str = "app", timeout: float = 30, database: str = "postgres"
) -> Any:
    connection = psycopg2.connect(
        host=address,
        port=port,
        user=user,
        dbname=database,
        connect_timeout=int(timeout),
        sslmode="disable",
        gssencmode="disable",
    )
    connection.autocommit = True
    return connection


def ask(address: str, port: int, text: str, user: str = "app") -> Any:
    """Opens a connection, asks one question, closes. Returns the first row's first column."""
    connection = connect(address, port, user)
    try:
        return query(connection, text)
    finally:
        connection.close()


def query(connection: Any, text: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchone()[0] if cursor.description else None


def connect_plain(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), timeout=5)
