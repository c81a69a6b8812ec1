"""What the agent asks PostgreSQL, as the OS user that owns it, over its Unix socket."""

from __future__ import annotations

import contextlib
import os
import pwd
import time

try:
    import psycopg2
except ImportError:  # HAProxy serves without it
    psycopg2 = None  # type: ignore[assignment]

from . import log, rolefile
from .ocf import ERR_CONFIGURED, ERR_INSTALLED, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .params import Params

OPTIONS = "-c statement_timeout=5s -c default_transaction_isolation=read\\ committed"
"""Settings that the question depends on. They outrank ALTER ROLE ... SET."""
PAUSE = 0.1  # s between two questions
UNKNOWN_AFTER = 5.0  # s without any answer
MAINTENANCE = "postgres"
"""The database of initdb(1), if there is none of the name that the parameter pgdatabase has."""
SOCKETS = "/proc/net/unix"
_LISTENS = "00010000"
"""Flag of a socket that listens (proc(5))."""


def in_recovery(params: Params, within: int = 5) -> bool:
    """Returns whether the local instance is in recovery. Raises psycopg2.Error if it cannot say."""
    try:
        connection = _connect(params, params.pgdatabase, within)
    except psycopg2.OperationalError:
        if params.pgdatabase == MAINTENANCE:
            raise
        connection = _connect(params, MAINTENANCE, within)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_catalog.pg_is_in_recovery()")
            row = cursor.fetchone()
            return row is None or bool(row[0])
    finally:
        connection.close()


def _connect(
    params: Params, database: str, within: int, more: str = "", user: str = ""
) -> psycopg2.extensions.connection:
    return psycopg2.connect(
        host=params.pghost,
        port=params.pgport,
        user=user or params.system_user,
        dbname=database,
        connect_timeout=within,
        application_name="paf-haproxy",
        options=f"{OPTIONS} {more}",
    )


@contextlib.contextmanager
def session(params: Params, more: str = "") -> Iterator[psycopg2.extensions.cursor]:
    """Yields a cursor of a superuser's session, which commits each statement. more: settings for
    the startup packet. Raises AgentError if PostgreSQL refuses the login or a statement.
    """
    _become(params.system_user)
    try:
        connection = _connect(params, MAINTENANCE, 5, more)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()
    except psycopg2.Error as error:
        raise AgentError(f"PostgreSQL on this node: {error}") from error
    finally:
        os.seteuid(0)
        os.setegid(0)


def login(params: Params) -> str:
    """Returns '' if HAProxy's role can log in as HAProxy does, by peer authentication, or else what
    PostgreSQL says. Raises AgentError without psycopg2 or without the OS user.
    """
    _become(params.user, "user")
    try:
        _connect(params, params.pgdatabase, 5, user=params.pguser).close()
    except psycopg2.Error as error:
        return str(error).strip() or type(error).__name__
    finally:
        os.seteuid(0)
        os.setegid(0)
    return ""


def await_primary(params: Params, timeout: float) -> str:
    """Returns '' once the local instance has left recovery, or why it cannot be asked after
    UNKNOWN_AFTER s without any answer. Raises AgentError if it is in recovery after timeout s.
    """
    _become(params.system_user)
    begun = time.monotonic()
    recovery = False
    try:
        while True:
            postmaster = listening(params)
            waited = time.monotonic() - begun
            try:
                recovery = in_recovery(params)
                if not recovery:
                    break
            except psycopg2.Error as error:
                if not recovery and waited > min(UNKNOWN_AFTER, timeout):
                    return str(error).strip()
            if waited > timeout:
                raise AgentError("PostgreSQL on this node is not the primary: it is in recovery")
            time.sleep(PAUSE)
    finally:
        os.seteuid(0)
        os.setegid(0)
    note(params, postmaster)
    return ""


def confirm(params: Params) -> bool:
    """Returns whether the local instance is a primary, and if so tells HAProxy: a superuser can log
    in when HAProxy's own role cannot.
    """
    postmaster = listening(params)
    if postmaster is None:
        return False
    _become(params.system_user)
    try:
        primary = not in_recovery(params, within=2)
    except psycopg2.Error:
        return False
    finally:
        os.seteuid(0)
        os.setegid(0)
    return primary and note(params, postmaster)


def note(params: Params, postmaster: str | None) -> bool:
    """Writes the file that tells HAProxy which postmaster is a primary: until it ends, it is one.
    Returns whether it is the one that still listens.
    """
    if postmaster is None or postmaster != listening(params):
        return False
    path = f"{params.statedir}/confirmed"
    try:
        rolefile.write_note(path, f"production {postmaster}")
    except OSError as error:
        text = "HAProxy does not learn from the agent that PostgreSQL is a primary"
        log.warning(f"cannot write {path}: {error.strerror}; {text}")
        return False
    return True


def listening(params: Params) -> str | None:
    """Returns the number of the socket that PostgreSQL listens on, None if there is none. No other
    postmaster gets the same one (proc(5), /proc/net/unix). The socket may be a link: while
    PostgreSQL moves to another port, the new name leads to the old socket.
    """
    path = f"{params.pghost}/.s.PGSQL.{params.pgport}"
    if os.path.islink(path):
        path = os.path.join(params.pghost, os.readlink(path))
    wanted = _place(path)
    found = None
    try:
        with open(SOCKETS, encoding="utf-8", errors="replace") as file:
            for line in file:
                words = line.rstrip("\n").split(None, 7)
                if len(words) == 8 and words[3] == _LISTENS and _place(words[7]) == wanted:
                    found = words[6]
    except OSError:
        return None
    return found


def _place(path: str) -> str:
    """Returns a path in /run as it is: /var/run is a link to it."""
    return path[4:] if path.startswith("/var/run/") else path


def _become(name: str, parameter: str = "system_user") -> None:
    """Peer authentication looks at the effective user of whoever connects (SO_PEERCRED)."""
    if psycopg2 is None:
        raise AgentError(
            "Python's module psycopg2 is missing: install python3-psycopg2", ERR_INSTALLED
        )
    try:
        user = pwd.getpwnam(name)
    except KeyError as error:
        raise AgentError(f"parameter {parameter}: no user {name}", ERR_CONFIGURED) from error
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
