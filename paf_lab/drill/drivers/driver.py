"""The drivers, with the settings that are tried. Pure data."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ...image import PGX
from ...layout import PGBIN
from ..settings import Settings

DIRECT, POOLED = "direct", "PgBouncer"
ROUTES = (DIRECT, POOLED)
FILES = "/srv/drivers"
"""Where the programs are on the application's machine."""
JAVA = (
    "java", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
    "-cp", f"/usr/share/java/*:{FILES}",  # pgjdbc, and what it needs for SCRAM
)  # fmt: skip
LIBPQ = "host={host} port={port} dbname={database} user={user}"
URL = "postgresql://{user}@{host}:{port}/{database}"
JDBC = "jdbc:postgresql://{host}:{port}/{database}?user={user}"


@dataclass(frozen=True)
class Kind:
    """What a program is started with: words, then the name of the client, two targets in this
    form, and `after`. libpq: it waits for a connection as libpq does.
    """

    words: tuple[str, ...]
    target: str
    after: tuple[str, ...] = ()
    libpq: bool = False


KINDS = {
    "psycopg3.py": Kind(("/usr/bin/python3", f"{FILES}/psycopg3.py"), LIBPQ, libpq=True),
    "pgbench.py": Kind(
        ("/usr/bin/python3", f"{FILES}/pgbench.py"), LIBPQ, (f"{PGBIN}/pgbench",), libpq=True
    ),
    "Sessions.java": Kind((*JAVA, "Sessions"), JDBC),
    "pgx.go": Kind((PGX,), LIBPQ),
    "node_postgres.js": Kind(("node", f"{FILES}/node_postgres.js"), URL),
}
"""By the file in paf_lab/clients/drivers."""


@dataclass(frozen=True)
class Driver:
    """settings: what differs from the driver's defaults, as its users write it. program: a key of
    KINDS. options: what it is called with besides. more: the end of its connection strings.
    """

    name: str
    settings: str
    program: str
    options: tuple[str, ...] = ()
    more: str = ""

    @property
    def title(self) -> str:
        return f"{self.name}, {self.settings}" if self.settings else self.name

    @property
    def kind(self) -> Kind:
        return KINDS[self.program]

    def command(self, client: str, route: str, host: str, settings: Settings) -> list[str]:
        """Returns the command of three sessions. client: their name in the table. host: where the
        HAProxy and the PgBouncer are that they use.
        """
        pooled = route == POOLED
        ports = [settings.pooler_port] * 2 if pooled else [settings.prod_port, settings.stdby_port]
        readers = f"{settings.database}_ro" if pooled else settings.database
        databases = (settings.database, readers)
        return self._words(client, [
            self._target(host=host, port=port, database=database, user=settings.user)
            for port, database in zip(ports, databases)
        ])  # fmt: skip

    def silent(self, port: int) -> str:
        """Returns the command to a port of its own machine, for a shell."""
        target = self._target(host="127.0.0.1", port=port, database="x", user="x")
        return shlex.join(self._words("silent", [target, target]))

    def _target(self, **fields: str | int) -> str:
        return self.kind.target.format(**fields) + self.more

    def _words(self, client: str, targets: Sequence[str]) -> list[str]:
        return [*self.kind.words, client, *targets, *self.kind.after, *self.options]


UNPREPARED = "prepare_threshold=None"
DESCRIBE = "statement_cache_mode=describe"
DRIVERS = (
    Driver("psycopg 3", "", "psycopg3.py"),
    Driver("psycopg 3", UNPREPARED, "psycopg3.py", ("unprepared",)),
    Driver("psycopg 3 in pipeline mode", UNPREPARED, "psycopg3.py", ("pipeline", "unprepared")),
    Driver("pgbench", "", "pgbench.py"),
    Driver("pgbench in pipeline mode", "-M extended", "pgbench.py", ("pipeline",)),
    Driver("pgjdbc", "", "Sessions.java"),
    Driver(
        "pgjdbc",
        "prepareThreshold=0 sslResponseTimeout=45000",
        "Sessions.java",
        more="&prepareThreshold=0&sslResponseTimeout=45000",
    ),
    Driver("pgx", "", "pgx.go"),
    Driver("pgx", DESCRIBE, "pgx.go", more=f" {DESCRIBE}"),
    Driver("node-postgres", "", "node_postgres.js"),
)


def chosen(names: Sequence[str]) -> list[Driver]:
    """Returns the drivers whose names begin with one of these, or all if there are none."""
    return [each for each in DRIVERS if not names or each.name.startswith(tuple(names))]
