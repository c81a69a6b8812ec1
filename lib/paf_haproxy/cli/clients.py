"""`paf-haproxy clients`: who is connected through the HAProxy of this node."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from .. import master, postgres
from ..ocf import AgentError
from ..runtime import NotServing, Runtime, admin_socket
from . import show

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..params import Params

POOLS = ("prod", "stdby", "replication")
WITHIN = 10.0  # s for HAProxy to list all its sessions
COMMAND = "show sess all"
# Management Guide, "show sess": the backend's address is the one that HAProxy connects from.
HEAD = re.compile(
    r"^0x\w+: \[(?P<since>[^\]]+)\] .* proto=(?P<proto>\S+) source=(?P<client>\S+)", re.M
)
BACKEND = re.compile(r"^  backend=(?P<pool>\S+) .*? addr=(?P<source>\S+)$", re.M)
WAITS = re.compile(r"^  backend=(?P<pool>\S+) ", re.M)
SERVER = re.compile(r"^  server=(?P<server>\S+) ", re.M)
PIDS = """SELECT pg_catalog.host(client_addr), client_port, pid
FROM pg_catalog.pg_stat_activity WHERE client_port > 0"""
Source = tuple[str, int]
"""An address and a port: HAProxys of several nodes may use the same port."""


@dataclass(frozen=True)
class Client:
    """client: its address and port. source: those from which HAProxy connects to PostgreSQL, as
    PostgreSQL shows them; '' for a client that waits. server: the node, or ''. since: s of the
    epoch. pid: of the session in PostgreSQL, or None if that runs on another node. old: whether
    the session is in a worker from before a reload.
    """

    client: str
    pool: str
    server: str
    source: str
    since: float
    pid: int | None = None
    old: bool = False


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
    yield from parse(Runtime(admin_socket(statedir), WITHIN).ask(COMMAND))
    try:
        old = master.processes(statedir).old
    except NotServing:
        return
    socket = Runtime(master.path(statedir), WITHIN, half_close=True)
    for pid in old:
        for each in parse(socket.ask(f"@!{pid} {COMMAND}")):
            yield replace(each, old=True)


def parse(text: str) -> Iterator[Client]:
    """Yields the clients that `show sess all` lists. Pure."""
    for part in re.split(r"^(?=0x)", text, flags=re.M):
        head, waits = HEAD.search(part), WAITS.search(part)
        if not head or not waits or waits["pool"] not in POOLS:
            continue
        if not head["proto"].startswith("tcp"):
            continue  # HAProxy's own connection to server hold
        backend, server = BACKEND.search(part), SERVER.search(part)
        name = server["server"] if server else ""
        yield Client(
            head["client"],
            waits["pool"],
            "" if name.startswith("<") else name,
            backend["source"] if backend else "",
            _moment(head["since"]),
        )


def _moment(text: str) -> float:
    """Returns HAProxy's time, e.g. '28/Nov/2026:18:03:33.286805', as s of the epoch."""
    whole, _, fraction = text.partition(".")
    return time.mktime(time.strptime(whole, "%d/%b/%Y:%H:%M:%S")) + float(f"0.{fraction or 0}")


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
