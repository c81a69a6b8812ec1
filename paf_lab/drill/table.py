"""The table that the clients write to, and the role that they are: made before a run, read and
dropped after it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

from ..access import Access
from ..machine import Machine
from .audits import Row
from .commands import psql

# A clean slate: rows of an earlier run must not stand in for lost ones.
# PgBouncer keeps connections of the role, which would not be those of the next role of that name.
DROP = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE usename = :'role' \\g /dev/null
DROP SCHEMA IF EXISTS drill CASCADE;
DROP ROLE IF EXISTS :"role";
"""
MAKE = """CREATE ROLE :"role" LOGIN PASSWORD :'verifier';
CREATE SCHEMA drill;
CREATE TABLE drill.writes (client text, sequence bigint, PRIMARY KEY (client, sequence));
GRANT USAGE ON SCHEMA drill TO :"role";
GRANT SELECT, INSERT ON drill.writes TO :"role";
"""
READ = """SELECT client, sequence,
CASE WHEN current_setting('track_commit_timestamp')::bool
    THEN extract(epoch FROM pg_xact_commit_timestamp(xmin)) END
FROM drill.writes;
"""


def make(primary: Machine, access: Access, password: str, iterations: int = 1) -> None:
    """Makes the table and the role. iterations: of SCRAM."""
    verifier = f"\\set verifier '{scram(password, os.urandom(16), iterations)}'\n"
    psql(primary, access, _role(access) + verifier + DROP + MAKE, access.database)


def read(primary: Machine, access: Access) -> dict[Row, float | None]:
    """Returns every row with the moment of its commit, as the primary that committed it noted it
    (None where track_commit_timestamp is off).
    """
    found: dict[Row, float | None] = {}
    for line in psql(primary, access, READ, access.database).splitlines():
        client, sequence, committed = line.split("\t")
        found[client, int(sequence)] = float(committed) if committed else None
    return found


def drop(primary: Machine, access: Access) -> None:
    psql(primary, access, _role(access) + DROP, access.database)


def _role(access: Access) -> str:
    return f"\\set role {access.user}\n"


def scram(password: str, salt: bytes, iterations: int = 1) -> str:
    """Returns what PostgreSQL keeps of a password (RFC 5802; PostgreSQL, "pg_authid").

    One iteration, where PostgreSQL's default is 4096: the clients connect a hundred times a second,
    and would otherwise take a whole core for nothing but hashing a password of one minute's life.
    Some drivers refuse fewer than 4096.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (
        base64.b64encode(part).decode() for part in (salt, stored, server)
    )
    return f"SCRAM-SHA-256${iterations}:{salt64}${stored64}:{server64}"
