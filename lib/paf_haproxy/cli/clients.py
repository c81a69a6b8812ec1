"""`paf-haproxy clients`: who is connected through the HAProxy of this node."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from .. import master, postgres
from ..ocf import AgentError
from ..runtime import NotServing, Runtime, admin_socket
from . import show
from .sessions import Client, sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ..params import Params

WITHIN = 10.0  # s for HAProxy to list all its sessions
PIDS = """SELECT pg_catalog.host(client_addr), client_port, pid
FROM pg_catalog.pg_stat_activity WHERE client_port > 0"""
Source = tuple[str, int]
"""An address and a port: HAProxys of several nodes may use the same port."""


def clients(params: Params, here: str, as_json: bool) -> int:
    """Prints the clients and returns 0. here: the name of this node. Raises AgentError if HAProxy
    does not answer.
    """
    found = sorted(listed(params.statedir), key=lambda each: (each.pool, each.since))
    pids: Mapping[Source, int] = {}
    trouble = ""
    if any(each.server == here for each in found):
        try:
            pids = local_pids(params)
        except AgentError as error:
            trouble = error.reason
    found = [with_pid(each, here, pids) for each in found]
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2))
        return 0
    unknown = ["", f"The pids are not known: {trouble}"] if trouble else []
    print("\n".join([*screen(found), *unknown, *hint(found, here)]))
    return 0


def listed(statedir: str) -> Iterator[Client]:
    """Yields the clients of all HAProxy processes of this node."""
    yield from sessions(Runtime(admin_socket(statedir), WITHIN).ask)
    try:
        old = master.processes(statedir).old
    except NotServing:
        return
    socket = Runtime(master.path(statedir), WITHIN, half_close=True)
    for pid in old:
        for each in sessions(_of_worker(socket, pid)):
            yield replace(each, old=True)


def _of_worker(socket: Runtime, pid: int) -> Callable[[str], str]:
    """Returns how a worker is asked. socket: the master's."""
    return lambda command: socket.ask(f"@!{pid} {command}")


def local_pids(params: Params) -> dict[Source, int]:
    """Returns the pids of the local PostgreSQL's sessions by their clients' addresses and ports.
    Raises AgentError if it cannot be asked.
    """
    with postgres.session(params) as cursor:
        cursor.execute(PIDS)
        return {(host, port): pid for host, port, pid in cursor.fetchall()}


def with_pid(each: Client, here: str, pids: Mapping[Source, int]) -> Client:
    """Returns the client with the pid of its session, if that runs here. Pure."""
    host, port = source(each)
    known = each.server == here and port.isdecimal()
    return replace(each, pid=pids.get((host, int(port)))) if known else each


def source(each: Client) -> tuple[str, str]:
    """Returns the address and the port that PostgreSQL sees. Pure."""
    host, _, port = each.source.rpartition(":")
    return host.strip("[]").removeprefix("::ffff:"), port


def screen(found: Sequence[Client]) -> list[str]:
    """Returns the table as lines. Pure."""
    if not found:
        return ["Nobody is connected through the HAProxy of this node."]
    return show.table([("POOL", "CLIENT", "SERVER", "FROM", "PID", "SINCE"), *_rows(found)])


def hint(found: Sequence[Client], here: str) -> list[str]:
    """Returns how to find the pid of a session on another node; nothing if there is none. Pure."""
    for each in found:
        if each.server not in ("", here):
            host, port = source(each)
            return [
                "",
                f"The pid of a session on another node, e.g. {each.client}: on {each.server},",
                "  SELECT pid FROM pg_stat_activity",
                f"  WHERE client_addr = '{host}' AND client_port = {port}",
            ]
    return []


def _rows(found: Iterable[Client]) -> Iterator[tuple[str, ...]]:
    for each in found:
        moment = time.localtime(each.since)
        today = moment[:3] == time.localtime()[:3]
        since = time.strftime("%H:%M:%S" if today else "%b %d %H:%M", moment)
        pool = f"{each.pool}, old" if each.old else each.pool
        server = each.server or "waits"
        yield pool, each.client, server, each.source or "-", str(each.pid or "-"), since
