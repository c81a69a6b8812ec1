"""The comparison as JSON, as tables on a terminal, and as a page with one picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from rich.console import Console

from ..display import FittedTable
from ..drill.settings import Settings
from ..topology import Topology
from . import ahead
from .figures import Summary, Trial, summary
from .steady import Steady
from .words import milliseconds, ratio, seconds

AHEAD = "where another one is ahead"
TEMPLATE = Path(__file__).with_name("page.md.j2")


@dataclass
class Result:
    """All that was measured of one topology."""

    topology: Topology
    missing: str = ""
    """Why it was not run; empty if it was."""
    trials: list[Trial] = field(default_factory=list)
    steady: Steady | None = None
    notes: list[str] = field(default_factory=list)
    """What kept trials from beginning."""

    def summaries(self) -> dict[str, Summary]:
        """Returns the summary of each fault, in the order in which they came."""
        names = dict.fromkeys(each.drill for each in self.trials)
        return {
            name: summary([each for each in self.trials if each.drill == name]) for name in names
        }


def as_json(results: Sequence[Result], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Returns all figures; what never came is null."""
    return {
        **facts,
        "topologies": {
            each.topology.name: {
                "summary": each.topology.summary,
                "not_run": each.missing,
                "notes": each.notes,
                "settings": Settings.of(each.topology.access, each.topology.kinds).as_json(),
                "drills": {
                    name: _finite(asdict(found)) for name, found in each.summaries().items()
                },
                "steady": None if each.steady is None else asdict(each.steady),
                "trials": [_trial(one) for one in each.trials],
            }
            for each in results
        },
    }


def _trial(one: Trial) -> dict[str, Any]:
    """Returns the figures of a trial without its strips: the picture is drawn while it is run."""
    found = {**asdict(one), "ratio": one.ratio}
    del found["strips"]
    return _finite(found)


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


COLUMNS = (
    "topology", "write outage", "worst", "PostgreSQL away", "ratio", "worst ratio", "failed",
    "misrouted", "held", "rows lost", "agreement",
)  # fmt: skip


def row(found: Summary) -> tuple[str, ...]:
    """Returns the cells of a topology in the table of one fault."""
    return (
        found.topology,
        seconds(found.outage),
        seconds(found.worst_outage),
        seconds(found.absence),
        ratio(found.ratio),
        ratio(found.worst_ratio),
        f"{found.failed} of {found.connections}",
        f"{found.misrouted} of {found.writes}",
        str(found.held),
        f"{found.lost} of {found.acknowledged}",
        seconds(found.agreement),
    )


STEADY_COLUMNS = (
    "topology", "CPU of a node at rest", "connect, added", "query, added", "select", "write",
    "new connections",
)  # fmt: skip


def steady_row(name: str, found: Steady) -> tuple[str, ...]:
    """Returns the cells of a topology in the table of what it costs at rest."""
    connect, query = (
        milliseconds(through - direct) for through, direct in (found.connect, found.query)
    )
    rates = (f"{through / direct:.2f}" for through, direct in found.tps.values())
    return name, f"{found.cpu:.0f} s/h", connect, query, *rates


def tables(results: Sequence[Result]) -> list[tuple[str, Sequence[str], list[tuple[str, ...]]]]:
    """Returns each table: its title, its columns, its rows."""
    found: dict[str, dict[str, Summary]] = {}
    for each in results:
        for name, one in each.summaries().items():
            found.setdefault(name, {})[each.topology.name] = one
    steady = {each.topology.name: each.steady for each in results if each.steady}
    shown: list[tuple[str, Sequence[str], list[tuple[str, ...]]]] = [
        (drill, COLUMNS, [row(one) for one in mine.values()]) for drill, mine in found.items()
    ]
    rest = [steady_row(name, one) for name, one in steady.items()]
    better = ahead.ahead(found, steady)
    more = (("at rest", STEADY_COLUMNS, rest), (AHEAD, ahead.COLUMNS, better))
    return [*shown, *(table for table in more if table[2])]


def fitted(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> FittedTable:
    """Returns one of the tables for a terminal."""
    return FittedTable(columns, rows, keys=2 if title == AHEAD else 1, title=title)


def show(console: Console, results: Sequence[Result]) -> None:
    """Prints the tables."""
    for title, columns, rows in tables(results):
        console.print(fitted(title, columns, rows))
        console.print()
    for each in results:
        if each.missing:
            console.print(f"{each.topology.name}: not run: {each.missing}", markup=False)


def page(results: Sequence[Result], facts: Mapping[str, Any], picture: str) -> str:
    """Returns the page in Markdown. picture: where it is, relative to the page."""
    environment = jinja2.Environment(  # noqa: S701 - Markdown
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(TEMPLATE.read_text())
    return template.render(results=results, tables=tables(results), facts=facts, picture=picture)
