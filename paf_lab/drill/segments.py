"""Segments of WAL that were made and never used: zeros, for which pg_waldump finds no segment size.

PostgreSQL makes the next segment early, and at a change of timeline keeps it for much later. If
the directory lists it first, pg_waldump fails, and with it PAF's check of a switchover ("Did not
receive the shutdown checkpoint"). A cluster that writes much WAL uses such a segment up soon; the
lab's hardly writes any. So they are used up before a drill.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import LabError
from ..machine import Machine
from . import commands
from .settings import Settings

MOST = 32  # segments that are filled at most
UNUSED = """SELECT name FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'
AND pg_read_binary_file('pg_wal/' || name, 32, 4, true) = '\\x00000000';"""
# The message makes sure that there is something to switch from.
NEXT = """SELECT pg_logical_emit_message(false, 'lab', '');
SELECT pg_switch_wal();"""


def unused(nodes: Mapping[str, Machine], settings: Settings) -> dict[str, list[str]]:
    """Returns the segments of each node that has any."""
    found = {}
    for name, node in nodes.items():
        try:
            names = commands.psql(node, settings, UNUSED).split()
        except LabError:
            continue  # PostgreSQL does not run there
        if names:
            found[name] = names
    return found


def use_up(nodes: Mapping[str, Machine], primary: Machine, settings: Settings) -> int:
    """Fills segments on the primary until no node has one that was never used, or MOST are filled.
    Returns how many it filled.
    """
    for number in range(MOST):
        if not unused(nodes, settings):
            return number
        commands.psql(primary, settings, NEXT)
    return MOST
