"""The drivers, with the settings that are tried. Pure data."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ...layout import PGBIN
from ..settings import Settings

DIRECT, POOLED = "direct", "PgBouncer"
ROUTES = (DIRECT, POOLED)
FILES = "/srv/drivers"
"""Where the programs are on the application's machine."""
JDBC = "/usr/share/java/*"  # pgjdbc, and what it needs for SCRAM
JAVA = ("java", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True)
class Driver:
    """settings: what differs from the driver's defaults, as its users write it. program: the file
    in paf_lab/clients/drivers. options: what it is called with. url: more of the JDBC URL.
    """

    name: str
    settings: str
    program: str
    options: tuple[str, ...] = ()
    url: str = ""

    @property
    def title(self) -> str:
        return f"{self.name}, {self.settings}" if self.settings else self.name

    def command(self, client: str, route: str, host: str, settings: Settings) -> list[str]:
        """Returns the command of three sessions. client: their name in the table. host: where the
        HAProxy and the PgBouncer are that they use.
        """
        pooled = route == POOLED
        ports = [settings.pooler_port] * 2 if pooled else [settings.prod_port, settings.stdby_port]
        readers = f"{settings.database}_ro" if pooled else settings.database
        targets = zip(ports, (settings.database, readers))
        if self.program == "Sessions.java":
            urls = [
                f"jdbc:postgresql://{host}:{port}/{database}?user={settings.user}{self.url}"
                for port, database in targets
            ]
            return [*JAVA, "-cp", f"{JDBC}:{FILES}", "Sessions", client, *urls]
        strings = [
            f"host={host} port={port} dbname={database} user={settings.user}"
            for port, database in targets
        ]
        more = [f"{PGBIN}/pgbench"] if self.program == "pgbench.py" else []
        command = ["/usr/bin/python3", f"{FILES}/{self.program}", client]
        return [*command, *strings, *more, *self.options]


def silent(driver: Driver, port: int) -> str:
    """Returns the command of a driver of Java to a port of its own machine, for a shell."""
    url = f"jdbc:postgresql://127.0.0.1:{port}/x?user=x{driver.url}"
    return shlex.join([*JAVA, "-cp", f"{JDBC}:{FILES}", "Sessions", "silent", url, url])


UNPREPARED = "prepare_threshold=None"
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
        url="&prepareThreshold=0&sslResponseTimeout=45000",
    ),
)


def chosen(names: Sequence[str]) -> list[Driver]:
    """Returns the drivers whose names begin with one of these, or all if there are none."""
    return [each for each in DRIVERS if not names or each.name.startswith(tuple(names))]
