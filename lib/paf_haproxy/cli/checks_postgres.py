"""Whether PostgreSQL on this node is set up for HAProxy and PAF. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .checks_hba import hba_checks
from .checks_replication import replication_check
from .outcome import RELOAD, Missing, alter, fine, identifier, note, sql, unknown, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..params import Params
    from .facts import Facts
    from .readiness import Check

AUTHENTICATION = 10
"""Least authentication_timeout in s: a guard connection lasts 8 s (guard_connection.lua)."""
LOCAL = ("localhost", "::1")


def postgres_checks(facts: Facts) -> Iterator[Check]:
    """Yields the checks of the role, of pg_hba.conf and of the settings."""
    found, params = facts.postgres, facts.params
    if isinstance(found, Missing):
        yield unknown("PostgreSQL", found.why)
        yield from _login(facts)
        return
    yield from _role(facts, found["role"])
    yield from hba_checks(params, found["role"], found["hba"] or [], sql(facts.asked, RELOAD))
    yield from _login(facts)
    settings = found["settings"] or {}
    yield from _place(params, settings)
    yield from _settings(facts, settings)
    yield replication_check(facts, settings)


def _login(facts: Facts) -> Iterator[Check]:
    params = facts.params
    if isinstance(facts.login, Missing):
        yield unknown("login", facts.login.why)
    elif isinstance(facts.postgres, Missing):
        if facts.login == "":
            yield wrong(
                "system_user",
                f"{params.system_user} cannot log in over the Unix socket: {facts.postgres.why}",
                f"in pg_hba.conf: local all {params.system_user} peer; then reload PostgreSQL",
            )
    elif facts.login:
        words = " ".join(facts.login.rpartition(" failed: ")[2].split())
        text = f"OS user {params.user} cannot log in as {params.pguser}: {words}"
        do = f"correct what is WRONG above; then {sql(facts.asked, RELOAD)}"
        yield wrong("login", text, do)
    else:
        yield fine("login", f"OS user {params.user} logs in as {params.pguser}")


def _role(facts: Facts, role: Mapping[str, object] | None) -> Iterator[Check]:
    params = facts.params
    name = identifier(params.pguser)
    on = "on the primary: "
    if role is None:
        do = on + sql(
            facts.asked, f"CREATE ROLE {name} LOGIN", f"GRANT pg_read_all_stats TO {name}"
        )
        yield wrong("role", f"there is no role {params.pguser}", do)
        return
    if role["login"]:
        yield fine("role", f"{params.pguser} exists, and may log in")
    else:
        do = on + sql(facts.asked, f"ALTER ROLE {name} LOGIN")
        yield wrong("role", f"{params.pguser} may not log in", do)
    if role["connect"] is None:
        do = f"crm_resource --resource {facts.resource} --set-parameter pgdatabase"
        text = f"parameter pgdatabase: there is no database {params.pgdatabase}"
        yield wrong("database", text, f"{do} --parameter-value postgres")
    elif role["connect"]:
        yield fine("database", f"{params.pguser} may connect to {params.pgdatabase}")
    else:
        grant = f"GRANT CONNECT ON DATABASE {identifier(params.pgdatabase)} TO {name}"
        text = f"{params.pguser} may not connect to {params.pgdatabase}"
        yield wrong("database", text, on + sql(facts.asked, grant))
    if role["statistics"]:
        yield fine("statistics", f"{params.pguser} has the rights of pg_read_all_stats")
    else:
        text = f"{params.pguser} is no member of pg_read_all_stats: no /sync, /async, timelines"
        yield note("statistics", text, on + sql(facts.asked, f"GRANT pg_read_all_stats TO {name}"))


def _place(params: Params, settings: Mapping[str, str]) -> Iterator[Check]:
    """Yields whether PostgreSQL listens where HAProxy looks for it."""
    restart = "then restart PostgreSQL (its settings cannot be reloaded)"
    port = settings.get("port", "")
    if port == str(params.pgport):
        yield fine("port", f"PostgreSQL listens on {port}")
    else:
        text = f"port is {port}, parameter pgport is {params.pgport}"
        yield wrong("port", text, f"in postgresql.conf: port = {params.pgport}; {restart}")
    text = settings.get("unix_socket_directories", "")
    directories = [_path(each.strip().strip("\"'")) for each in text.split(",")]
    if _path(params.pghost) in directories:
        yield fine("socket", f"its Unix socket is in {params.pghost}")
    else:
        yield wrong(
            "socket",
            f"unix_socket_directories is '{text}', parameter pghost is {params.pghost}",
            f"in postgresql.conf: unix_socket_directories = '{params.pghost}'; {restart}",
        )
    text = settings.get("listen_addresses", "")
    addresses = [each.strip().strip('"') for each in text.split(",") if each.strip()]
    if any(each not in LOCAL and not each.startswith("127.") for each in addresses):
        yield fine("addresses", f"PostgreSQL listens on {text}")
    else:
        where = f"only on {text}" if addresses else "on no address"
        do = f"in postgresql.conf: listen_addresses = '*'; {restart}"
        yield wrong("addresses", f"listens {where}: other nodes cannot reach it", do)


def _path(directory: str) -> str:
    """Returns a directory below /run by its own name: /var/run is a link to it."""
    directory = directory.rstrip("/")
    return directory[4:] if directory.startswith("/var/run/") else directory


def _settings(facts: Facts, settings: Mapping[str, str]) -> Iterator[Check]:
    if settings.get("hot_standby") == "on":
        yield fine("hot_standby", "a standby accepts readers")
    else:
        do = "in postgresql.conf: hot_standby = on; then restart PostgreSQL"
        yield wrong("hot_standby", "hot_standby is off: a standby accepts no connections", do)
    if "on" in (settings.get("wal_log_hints"), settings.get("data_checksums")):
        yield fine("pg_rewind", "wal_log_hints or checksums are on")
    else:
        text = "without wal_log_hints and checksums, pg_rewind cannot repair a lost primary"
        do = "in postgresql.conf: wal_log_hints = on; then restart PostgreSQL"
        yield note("pg_rewind", text, do)
    timeline = settings.get("recovery_target_timeline")
    if timeline is None:
        yield unknown("timeline", "PostgreSQL before 12 has it in recovery.conf")
    elif timeline == "latest":
        yield fine("timeline", "a standby follows a new primary")
    else:
        text = f"recovery_target_timeline is '{timeline}': a standby does not follow a new primary"
        do = "in postgresql.conf: recovery_target_timeline = latest; then restart PostgreSQL"
        yield wrong("timeline", text, do)
    seconds = int(settings.get("authentication_timeout", "60"))
    if seconds >= AUTHENTICATION:
        yield fine("authentication", f"authentication_timeout is {seconds} s")
    else:
        text = f"authentication_timeout is {seconds} s, less than {AUTHENTICATION} s"
        yield wrong("authentication", text, alter(facts.asked, "authentication_timeout", "'60s'"))
    if settings.get("wal_init_zero") == "on":
        text = "a standby fills 16 MB with zeros before it acknowledges after a promotion"
        yield note("wal_init_zero", text, alter(facts.asked, "wal_init_zero", "off"))
    else:
        yield fine("wal_init_zero", "off, or not there before PostgreSQL 12")
