"""The sessions of clients in a HAProxy process (Management Guide, "show sess")."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POOLS = ("prod", "stdby", "replication")
SUMMARY, DETAILS, INFO = "show sess", "show sess {}", "show info"
# A line of `show sess` for a client; HAProxy's own connection to server hold is no client.
LINE = re.compile(
    r"^(?P<id>0x\w+): proto=tcp\S* src=(?P<client>\S+) fe=\S+ be=(?P<pool>\S+)"
    r" srv=(?P<server>\S+) .*?\bage=(?P<age>\S+)",
    re.M,
)
# Of `show sess ID`. The backend's address is the one that HAProxy connects from.
BEGAN = re.compile(r"^0x\w+: \[(?P<since>[^\]]+)\] ", re.M)
BACKEND = re.compile(r"^  backend=\S+ .*? addr=(?P<source>\S+)$", re.M)
VERSION = re.compile(r"^Version: (?P<major>\d+)\.(?P<minor>\d+)", re.M)
FATAL = {(3, 0), (3, 1)}
"""HAProxy 3.0.11 crashes if it is asked for the details of a session of its own Lua code. One of
these may begin in the place of a client that has just left, so no details are asked for. 2.6.12 and
3.2.26 answer; 3.1 was not run."""
SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class Client:
    """client: its address and port. source: those from which HAProxy connects to PostgreSQL, as
    PostgreSQL shows them; '' for a client that waits, or if HAProxy cannot be asked. server: the
    node, or ''. since: s of the epoch. pid: of the session in PostgreSQL, or None if that runs on
    another node. old: whether the session is in a worker from before a reload.
    """

    client: str
    pool: str
    server: str
    source: str
    since: float
    pid: int | None = None
    old: bool = False


def are_detailed(ask: Callable[[str], str]) -> bool:
    """Returns whether a HAProxy may be asked for the details of a session. ask: returns its answer
    to a command.
    """
    found = VERSION.search(ask(INFO))
    return not found or (int(found["major"]), int(found["minor"])) not in FATAL


def sessions(ask: Callable[[str], str]) -> Iterator[Client]:
    """Yields the clients of a process. ask: returns its answer to a command."""
    detailed = are_detailed(ask)
    for line in LINE.finditer(ask(SUMMARY)):
        if line["pool"] in POOLS:
            yield parse(line, ask(DETAILS.format(line["id"])) if detailed else "")


def parse(line: re.Match[str], details: str) -> Client:
    """Returns a client. line: of `show sess`, found with LINE. details: what `show sess ID` tells;
    '' if that was not asked.
    """
    began, backend = BEGAN.search(details), BACKEND.search(details)
    server = line["server"]
    return Client(
        line["client"],
        line["pool"],
        "" if server.startswith("<") else server,
        backend["source"] if backend else "",
        _moment(began["since"]) if began else time.time() - _seconds(line["age"]),
    )


def _moment(text: str) -> float:
    """Returns HAProxy's time, e.g. '28/Nov/2026:18:03:33.286805', as s of the epoch."""
    whole, _, fraction = text.partition(".")
    return time.mktime(time.strptime(whole, "%d/%b/%Y:%H:%M:%S")) + float(f"0.{fraction or 0}")


def _seconds(age: str) -> int:
    """Returns an age such as '1h5m' in s."""
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([dhms])", age))
