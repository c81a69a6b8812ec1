"""What the agent asks PostgreSQL, as the OS user that owns it, over its Unix socket."""

from __future__ import annotations

import os
import pwd
import time

import psycopg2

from .ocf import ERR_CONFIGURED, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .params import Params

PAUSE = 0.1  # s between two questions


def in_recovery(params: Params) -> bool:
    """Returns whether the local instance is in recovery. Raises psycopg2.Error if it cannot say."""
    connection = psycopg2.connect(
        host=params.pghost,
        port=params.pgport,
        user=params.system_user,
        dbname=params.pgdatabase,
        connect_timeout=5,
        application_name="paf-haproxy",
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_catalog.pg_is_in_recovery()")
            row = cursor.fetchone()
            return row is None or bool(row[0])
    finally:
        connection.close()


def await_primary(params: Params, timeout: float) -> None:
    """Returns once the local instance has left recovery. Raises AgentError after timeout s."""
    _become(params.system_user)
    end = time.monotonic() + timeout
    try:
        while True:
            try:
                if not in_recovery(params):
                    return
                why = "it is in recovery"
            except psycopg2.Error as error:
                why = str(error).strip()
            if time.monotonic() > end:
                raise AgentError(f"PostgreSQL on this node is not the primary: {why}")
            time.sleep(PAUSE)
    finally:
        os.seteuid(0)
        os.setegid(0)


def _become(name: str) -> None:
    """Peer authentication looks at the effective user of whoever connects (SO_PEERCRED)."""
    try:
        user = pwd.getpwnam(name)
    except KeyError as error:
        raise AgentError(f"parameter system_user: no user {name}", ERR_CONFIGURED) from error
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
