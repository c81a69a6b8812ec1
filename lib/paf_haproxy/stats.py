"""What HAProxy's statistics tell (Management Guide, "show stat"). Not for the hot path."""

from __future__ import annotations

import csv
import os
import time

from .routing import PROD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .runtime import Runtime

SILENT_WITHIN = 5.0  # s since HAProxy reported a silent node


class Silence:
    """A node of prod whose HAProxy does not answer, as this node's reports it (others.lua).

    trusted: whether prod still leads there. strands: the name of the connections that this HAProxy
    holds to PostgreSQL there. seconds: for how long none of them has ended.
    """

    __slots__ = ("node", "seconds", "strands", "trusted")

    def __init__(self, node: str, trusted: bool, strands: str, seconds: int) -> None:
        self.node = node
        self.trusted = trusted
        self.strands = strands
        self.seconds = seconds


def silence(statedir: str) -> Silence | None:
    """Returns the node of prod whose HAProxy is silent, or None. HAProxy wrote the file, not root:
    what has another form counts for nothing.
    """
    try:
        fd = os.open(f"{statedir}/memory/silent", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        age = time.time() - os.fstat(fd).st_mtime
        words = os.read(fd, 512).decode("ascii", "replace").split()
    except OSError:
        return None
    finally:
        os.close(fd)
    if len(words) != 5 or not 0 <= age <= SILENT_WITHIN or not words[3].isdecimal():
        return None
    return Silence(words[0], words[1] == "trusted", words[2], int(words[3]))


def rows(haproxy: Runtime) -> list[dict[str, str]]:
    """Returns the statistics, a line each for every frontend, server and backend."""
    text = haproxy.ask("show stat").lstrip("# ")
    return [dict(row) for row in csv.DictReader(text.splitlines())]


def waiting(haproxy: Runtime) -> int:
    """Returns how many clients of prod wait in a queue: for a primary, or for room on it."""
    return sum(int(row["qcur"] or 0) for row in rows(haproxy) if row["pxname"] == PROD)
