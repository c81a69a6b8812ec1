"""What `paf-haproxy check` asks PostgreSQL on this node."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from .. import postgres
from ..ocf import AgentError
from ..params import Params
from .outcome import Missing

if TYPE_CHECKING:
    from .cib import Cib

SETTINGS = (
    "authentication_timeout",
    "data_checksums",
    "hot_standby",
    "listen_addresses",
    "port",
    "primary_conninfo",
    "recovery_target_timeline",
    "unix_socket_directories",
    "wal_init_zero",
    "wal_log_hints",
)
QUESTION = """\
SELECT pg_catalog.json_build_object(
    'recovery', pg_catalog.pg_is_in_recovery(),
    'settings', (SELECT pg_catalog.json_object_agg(name, setting) FROM pg_catalog.pg_settings
        WHERE name = ANY (%(settings)s)),
    'role', (SELECT pg_catalog.json_build_object(
            'login', rolcanlogin,
            'statistics', pg_catalog.pg_has_role(r.oid, 'pg_read_all_stats', 'USAGE'),
            'groups', (SELECT pg_catalog.json_agg(g.rolname) FROM pg_catalog.pg_roles AS g
                WHERE pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER')),
            'connect', (SELECT pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT')
                FROM pg_catalog.pg_database AS d WHERE d.datname = %(database)s))
        FROM pg_catalog.pg_roles AS r WHERE r.rolname = %(user)s),
    'hba', (SELECT pg_catalog.json_agg(h) FROM (
        SELECT line_number AS line, type, database, user_name AS user, auth_method AS method,
            options, error
        FROM pg_catalog.pg_hba_file_rules) AS h))
"""


def ask(params: Params) -> dict[str, Any]:
    """Returns the answer to QUESTION. Raises AgentError if PostgreSQL cannot be asked."""
    names = {"settings": list(SETTINGS), "user": params.pguser, "database": params.pgdatabase}
    with postgres.session(params) as cursor:
        cursor.execute(QUESTION, names)
        row = cursor.fetchone()
    if row is None:
        raise AgentError("PostgreSQL on this node gives no answer")
    return dict(row[0])


def absent(params: Params, here: str) -> Missing | None:
    """Returns why no PostgreSQL is expected on this node, or None if one is."""
    if params.nodes and here not in (name for name, _ in params.nodes):
        return Missing(f"{here} runs no PostgreSQL: parameter nodes does not name it")
    return None


def place(cib: Cib | Missing, params: Params) -> Params:
    """Returns the parameters with the port and the socket directory at which PostgreSQL listens. If
    it does not listen where the agent looks, they are in postmaster.pid of PAF's pgdata
    (PostgreSQL's source, pidfile.h: lines 4 and 5).
    """
    if postgres.listening(params):
        return params
    paf = None if isinstance(cib, Missing) else cib.resource(params.pgsql_clone)
    pgdata = paf.parameters.get("pgdata", "") if paf else ""
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open(f"{pgdata}/postmaster.pid", encoding="utf-8", errors="replace") as file:
            lines = file.read(4096).splitlines()
        os.kill(int(lines[0]), 0)
        found = params.copy()
        found.pgport, found.pghost = int(lines[3]), lines[4].strip()
        return found
    return params
