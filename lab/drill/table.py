"""The table that the clients write to: made before a run, read and dropped after it."""

from __future__ import annotations

from ..node import Node
from .audits import Row
from .commands import psql
from .settings import Settings

# A clean slate: rows of an earlier run must not stand in for lost ones.
MAKE = """DROP SCHEMA IF EXISTS drill CASCADE;
CREATE SCHEMA drill;
CREATE TABLE drill.writes (client text, sequence bigint, PRIMARY KEY (client, sequence));
GRANT USAGE ON SCHEMA drill TO :"app";
GRANT SELECT, INSERT ON drill.writes TO :"app";
"""
READ = """SELECT client, sequence,
CASE WHEN current_setting('track_commit_timestamp')::bool
    THEN extract(epoch FROM pg_xact_commit_timestamp(xmin)) END
FROM drill.writes;
"""


def make(primary: Node, settings: Settings) -> None:
    psql(primary, settings, f"\\set app {settings.user}\n{MAKE}", settings.database)


def read(primary: Node, settings: Settings) -> dict[Row, float | None]:
    """Returns every row with the moment of its commit, as the primary that committed it noted it
    (None where track_commit_timestamp is off).
    """
    found: dict[Row, float | None] = {}
    for line in psql(primary, settings, READ, settings.database).splitlines():
        client, sequence, committed = line.split("\t")
        found[client, int(sequence)] = float(committed) if committed else None
    return found


def drop(primary: Node, settings: Settings) -> None:
    psql(primary, settings, "DROP SCHEMA IF EXISTS drill CASCADE;", settings.database)
