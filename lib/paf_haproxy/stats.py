"""What HAProxy's statistics tell (Management Guide, "show stat"). Not for the hot path."""

from __future__ import annotations

import csv

from .routing import PROD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .routing import Server
    from .runtime import Runtime

# An agent-check that could not connect: refused, not answered, no route (Management Guide, 9.1,
# agent_status).
UNREACHABLE = ("L4CON", "L4TOUT")


def rows(haproxy: Runtime) -> list[dict[str, str]]:
    """Returns the statistics, a line each for every frontend, server and backend."""
    text = haproxy.ask("show stat").lstrip("# ")
    return [dict(row) for row in csv.DictReader(text.splitlines())]


def waiting(haproxy: Runtime) -> int:
    """Returns how many clients of prod wait in a queue: for a primary, or for room on it."""
    return sum(int(row["qcur"] or 0) for row in rows(haproxy) if row["pxname"] == PROD)


def silent(haproxy: Runtime, server: Server) -> bool:
    """Returns whether the HAProxy on a server's node could not be asked for its role."""
    return any(
        (row["pxname"], row["svname"]) == server and row["agent_status"].lstrip("* ") in UNREACHABLE
        for row in rows(haproxy)
    )
