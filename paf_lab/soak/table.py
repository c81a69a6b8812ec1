"""The table that the clients of a soak write to: made once, read after each round."""

from __future__ import annotations

from ..access import Access
from ..drill.commands import psql
from ..machine import Machine
from .attendance import USER
from .history import Row, Total

# No unique index: it would hide a row that is written twice.
MAKE = f"""DROP SCHEMA IF EXISTS soak CASCADE;
CREATE SCHEMA soak AUTHORIZATION {USER};
SET ROLE {USER};
CREATE TABLE soak.writes (
    round int NOT NULL, client text NOT NULL, sequence bigint NOT NULL, value bigint NOT NULL);
CREATE INDEX ON soak.writes (round, client, sequence);
"""
# A session that was given up may still wait for a standby, and its row would appear later.
END_SESSIONS = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE application_name LIKE 'soak-%' \\g /dev/null
"""
ROWS = "SELECT client, sequence, value FROM soak.writes WHERE round = {number};"
TOTALS = "SELECT round, count(*), sum(value) FROM soak.writes GROUP BY round;"


def make(primary: Machine, access: Access) -> None:
    """Makes the table, without the rows of an earlier soak."""
    psql(primary, access, MAKE, access.database)


def drop(primary: Machine, access: Access) -> None:
    psql(primary, access, "DROP SCHEMA IF EXISTS soak CASCADE;", access.database)


def rows(primary: Machine, access: Access, number: int) -> tuple[Row, ...]:
    """Returns the rows of a round whose clients have ended."""
    text = psql(primary, access, END_SESSIONS + ROWS.format(number=number), access.database)
    fields = (line.split("\t") for line in text.splitlines())
    return tuple(Row(client, int(sequence), int(value)) for client, sequence, value in fields)


def totals(primary: Machine, access: Access) -> dict[int, Total]:
    """Returns the total of each round so far."""
    text = psql(primary, access, TOTALS, access.database)
    fields = (map(int, line.split("\t")) for line in text.splitlines())
    return {number: Total(count, values) for number, count, values in fields}
