"""The primary's node whose HAProxy does not answer this node's. On the fast path of the monitor."""

from __future__ import annotations

import os
import time

from . import haproxy_note

WITHIN = 5.0  # s that a report is valid; HAProxy writes it every second (silent_node.lua)


class Silence:
    """A node of prod whose HAProxy does not answer, as this node's HAProxy reports it
    (silent_node.lua).

    trusted: whether prod still leads there. chain: the name of the chain of guard connections to
    PostgreSQL there (guard_connection.lua). seconds: for how long none of them has broken. standby:
    whether the chain began when PostgreSQL there was a standby.
    """

    __slots__ = ("chain", "node", "seconds", "standby", "trusted")

    def __init__(
        self, node: str, trusted: bool, chain: str, seconds: int, standby: bool = False
    ) -> None:
        self.node = node
        self.trusted = trusted
        self.chain = chain
        self.seconds = seconds
        self.standby = standby


def path(statedir: str) -> str:
    """Returns the file in which HAProxy reports it."""
    return statedir + "/memory/silent"


def reported(statedir: str) -> bool:
    """Returns whether there is a report that is not out of date."""
    try:
        return 0 <= time.time() - os.stat(path(statedir)).st_mtime <= WITHIN
    except OSError:
        return False


def read(statedir: str) -> Silence | None:
    """Returns the node of prod whose HAProxy is silent, or None."""
    words = haproxy_note.words(path(statedir), WITHIN)
    if len(words) not in (5, 6) or not words[3].isdecimal():
        return None  # a HAProxy from before an upgrade writes five words
    standby = words[4] == "standby"
    return Silence(words[0], words[1] == "trusted", words[2], int(words[3]), standby)
