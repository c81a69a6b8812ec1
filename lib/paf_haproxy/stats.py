"""What HAProxy's statistics tell (Management Guide, "show stat"). Not for the hot path."""

from __future__ import annotations

import csv

from .routing import PROD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .runtime import Runtime


def rows(haproxy: Runtime) -> list[dict[str, str]]:
    """Returns the statistics, a line each for every frontend, server and backend."""
    text = haproxy.ask("show stat").lstrip("# ")
    return [dict(row) for row in csv.DictReader(text.splitlines())]


def waiting(haproxy: Runtime) -> int:
    """Returns how many clients of prod wait in a queue: for a primary, or for room on it."""
    return sum(int(row["qcur"] or 0) for row in rows(haproxy) if row["pxname"] == PROD)
