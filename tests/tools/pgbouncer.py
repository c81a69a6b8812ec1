"""A PgBouncer of a node, and sessions through it that are never without a transaction for long."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psycopg2
from paf_haproxy.pgbouncer import Console

from .instance import connect
from .node import PROD, STDBY, Node
from .waiting import eventually

PORT = 6432
PROGRAM = "/usr/sbin/pgbouncer"
CONFIGURATION = """\
[databases]
postgres = host={address} port={prod}
readers = host={address} port={stdby} dbname=postgres

[pgbouncer]
listen_addr = {address}
listen_port = {port}
unix_socket_dir = {directory}
auth_type = trust
auth_file = {directory}/users
pool_mode = transaction
server_connect_timeout = 60
server_login_retry = 0.1
query_wait_timeout = 60
ignore_startup_parameters = extra_float_digits
"""


class Pooler:
    """Use it with `with`."""

    def __init__(self, node: Node, directory: Path) -> None:
        self.node = node
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        node.params["pooler"] = str(directory)

    def __enter__(self) -> Pooler:
        text = CONFIGURATION.format(
            address=self.node.address,
            prod=PROD,
            stdby=STDBY,
            port=PORT,
            directory=self.directory,
        )
        (self.directory / "pgbouncer.ini").write_text(text)
        (self.directory / "users").write_text('"app" ""\n')
        self.directory.chmod(0o777)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "-q", str(self.directory / "pgbouncer.ini")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user="postgres",
                group="postgres",
                extra_groups=(),
            )
        eventually(lambda: self.states("postgres") is not None, "PgBouncer answers")

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def states(self, database: str) -> set[str]:
        """Returns the states of its connections to PostgreSQL, as SHOW SERVERS has them."""
        console = Console(f"{self.directory}/.s.PGSQL.{PORT}", within=5)
        try:
            rows = console.ask("SHOW SERVERS")
        finally:
            console.close()
        return {row["state"] for row in rows if row["database"] == database}


class Session:
    """One client that stays connected: one transaction after the other, of two statements and
    `think` s between them. Use it with `with`.
    """

    def __init__(self, node: Node, database: str = "postgres", think: float = 0.05) -> None:
        self.node = node
        self.database = database
        self.think = think
        self.errors: list[str] = []
        self.done: list[tuple[float, str]] = []
        """Of each transaction that was committed: when, and on which node."""
        self.longest = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Session:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(timeout=90)

    def last(self) -> str:
        return self.done[-1][1] if self.done else ""

    def _run(self) -> None:
        connection = None
        while not self._end.is_set():
            began = time.monotonic()
            try:
                if connection is None:
                    connection = connect(self.node.address, PORT, database=self.database)
                    connection.autocommit = False
                self.done.append((time.monotonic(), self._transaction(connection)))
            except psycopg2.Error as error:
                self.errors.append(" ".join(str(error).split()))
                connection = None
            self.longest = max(self.longest, time.monotonic() - began)
        if connection:
            connection.close()

    def _transaction(self, connection: Any) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('cluster_name')")
            (name,) = cursor.fetchone()
            time.sleep(self.think)
            if self.database == "readers":
                cursor.execute("SELECT count(*) FROM t")
            else:
                cursor.execute("INSERT INTO t VALUES (%s, clock_timestamp())", (name,))
        connection.commit()
        return str(name)
