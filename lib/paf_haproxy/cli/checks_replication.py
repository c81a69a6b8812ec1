"""Whether a standby on this node finds its primary through HAProxy. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..network import loopback
from .outcome import RELOAD, Missing, alter, fine, note, sql, unknown, wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .facts import Facts
    from .readiness import Check

LOCAL = ("localhost", "::1")


def replication_check(facts: Facts, settings: Mapping[str, str]) -> Check:
    """Returns where this node finds its primary while it is a standby, now or later."""
    name, params = "replication", facts.params
    text = settings.get("primary_conninfo")
    if text is None:
        return unknown(name, "PostgreSQL before 12 has primary_conninfo in recovery.conf")
    from psycopg2 import ProgrammingError  # it has answered: psycopg2 is there
    from psycopg2.extensions import parse_dsn

    try:
        words = parse_dsn(text)
    except ProgrammingError:  # its text may have the password
        return unknown(name, "primary_conninfo is no connection string of libpq")
    host = words.get("hostaddr") or words.get("host", "")
    port = words.get("port", "5432")
    do = _conninfo(facts, words)
    here = not host or host.startswith(("/", "127.")) or host in LOCAL
    if not words:
        return wrong(name, "primary_conninfo is empty: a standby finds no primary", do)
    own = f"primary_conninfo leads to {host or 'the Unix socket'} port {port}"
    if here and host and not host.startswith("/"):
        if port == str(params.replication_port):
            return fine(name, f"a standby finds the primary through port {port}")
        if port == str(params.prod_port):
            return note(name, f"{own}, where clients connect: a standby may wait behind them", do)
    if here:
        what = "this node's own PostgreSQL" if port == str(params.pgport) else "no HAProxy"
        return wrong(name, f"{own}, which is {what}", do)
    if port == str(params.pgport) and host in _nodes(facts):
        return wrong(name, f"{own}: a standby does not follow when another is promoted", do)
    return note(name, f"{own}, and not through the HAProxy of this node", do)


def _nodes(facts: Facts) -> set[str]:
    """Returns the host names of the nodes, and their addresses."""
    known = {} if isinstance(facts.addresses, Missing) else facts.addresses
    return {*known, *(address for found in known.values() for address in found)}


def _conninfo(facts: Facts, words: Mapping[str, str]) -> str:
    """Returns the command that leads a standby to the replication port."""
    from psycopg2.extensions import make_dsn

    params = facts.params
    target = {"host": loopback(params.bind), "port": str(params.replication_port)}
    if "password" in words:  # not on a screen
        return f"in primary_conninfo: {make_dsn(**target)}; then {sql(facts.asked, RELOAD)}"
    usual = {"user": "replicator", "application_name": facts.node}
    kept = {each: value for each, value in words.items() if each != "hostaddr"}
    new = make_dsn(**{**target, **usual, **kept, **target})
    if "'" in new:
        return f"in primary_conninfo: {make_dsn(**target)}; then {sql(facts.asked, RELOAD)}"
    return alter(facts.asked, "primary_conninfo", f"'{new}'")
