"""The tables of the comparison, as cells for a terminal and for a page. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..drill.latency import WITHIN
from ..drill.phases import PLANNED
from . import ahead, retries
from .figures import Summary
from .steady import Steady
from .words import NOTHING, milliseconds, percent, ratio, seconds

AHEAD = "where another one is ahead"
RETRIES = "whether the retries of clients keep PostgreSQL away"
MORE = "readers, sessions, machine"
PHASES = "where the time goes"
Table = tuple[str, Sequence[str], list[tuple[str, ...]]]
"""Its title, its columns, its rows."""

COLUMNS = (
    "topology", "write outage", "worst", "sum of gaps", "PostgreSQL away", "ratio", "worst ratio",
    "failed", "misrouted", "held", "rows lost", "agreement",
)  # fmt: skip
MORE_COLUMNS = (
    "topology", "sessions lost", "read outage", "sum of gaps", "reads by a primary",
    "errors through PgBouncer", *(f"within {limit:g} s" for limit in WITHIN),
    "load per core", "worst load", "CPU busy", "clients' CPU",
)  # fmt: skip
PHASE_COLUMNS = ("topology", *(name for name, _, _ in PLANNED))
STEADY_COLUMNS = (
    "topology", "CPU of a node at rest", "connect, added", "query, added", "select", "write",
    "new connections",
)  # fmt: skip


def row(found: Summary) -> tuple[str, ...]:
    """Returns the cells of a topology in the table of one fault."""
    return (
        found.topology,
        seconds(found.outage),
        seconds(found.worst_outage),
        seconds(found.service.gaps),
        seconds(found.absence),
        ratio(found.ratio),
        ratio(found.worst_ratio),
        f"{found.failed} of {found.connections}",
        f"{found.misrouted} of {found.writes}",
        str(found.held),
        f"{found.lost} of {found.acknowledged}",
        seconds(found.agreement),
    )


def more_row(found: Summary) -> tuple[str, ...]:
    """Returns the cells of a topology in the second table of one fault."""
    service, machine = found.service, found.machine
    shares = service.open_loop.within if service.open_loop else (math.nan,) * len(WITHIN)
    return (
        found.topology,
        among(service.sessions_lost, service.sessions),
        seconds(service.read_outage),
        seconds(service.read_gaps),
        among(found.stray_reads, found.reads),
        among(service.pooled_failed, service.pooled),
        *(percent(share) for share in shares),
        ratio(machine.load),
        ratio(found.worst_load),
        percent(machine.cpu),
        percent(machine.clients),
    )


def among(count: int, total: int) -> str:
    """Returns a count for people; of nothing it is nothing."""
    return f"{count} of {total}" if total else NOTHING


def filled(
    columns: Sequence[str], rows: list[tuple[str, ...]]
) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    """Returns a table without the columns that say nothing of any topology."""
    places = [
        place
        for place, _ in enumerate(columns)
        if place == 0 or any(cells[place] != NOTHING for cells in rows)
    ]
    kept = [tuple(cells[place] for place in places) for cells in rows]
    return [columns[place] for place in places], kept


def steady_row(name: str, found: Steady) -> tuple[str, ...]:
    """Returns the cells of a topology in the table of what it costs at rest."""
    connect, query = (
        milliseconds(through - direct) for through, direct in (found.connect, found.query)
    )
    rates = (f"{through / direct:.2f}" for through, direct in found.tps.values())
    return name, f"{found.cpu:.0f} s/h", connect, query, *rates


def tables(found: Mapping[str, Mapping[str, Summary]], steady: Mapping[str, Steady]) -> list[Table]:
    """Returns all tables with rows. found: by drill and topology. steady: by topology."""
    shown: list[Table] = []
    for drill, mine in found.items():
        shown.append((drill, COLUMNS, [row(one) for one in mine.values()]))
        columns, rows = filled(MORE_COLUMNS, [more_row(one) for one in mine.values()])
        if len(columns) > 1:
            shown.append((f"{drill}: {MORE}", columns, rows))
        took = [
            (one.topology, *(seconds(value) for value in one.phases.values()))
            for one in mine.values()
            if one.phases
        ]
        shown.append((f"{drill}: {PHASES}", PHASE_COLUMNS, took))
    shown.append((RETRIES, retries.COLUMNS, retries.rows(found)))
    rest = [steady_row(name, one) for name, one in steady.items()]
    shown.append(("at rest", STEADY_COLUMNS, rest))
    shown.append((AHEAD, ahead.COLUMNS, ahead.ahead(found, steady)))
    return [table for table in shown if table[2]]
