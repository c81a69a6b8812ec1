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
from . import tables as cells
from .figures import Summary, Trial, summary
from .steady import Steady
from .tables import AHEAD, Table

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
    settings: Settings | None = None
    """With which its clients worked; None before they did."""

    def summaries(self) -> dict[str, Summary]:
        """Returns the summary of each fault, in the order in which they came."""
        names = dict.fromkeys(each.drill for each in self.trials)
        return {
            name: summary([each for each in self.trials if each.drill == name]) for name in names
        }


def as_json(results: Sequence[Result], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Returns all figures; what never came is null."""
    better = ahead.ahead(by_drill(results), steadies(results))
    return {
        **facts,
        "ahead": [dict(zip(("drill", "figure", "ours", "ahead"), each)) for each in better],
        "topologies": {
            each.topology.name: {
                "summary": each.topology.summary,
                "not_run": each.missing,
                "notes": each.notes,
                "settings": (each.settings or _usual(each.topology)).as_json(),
                "drills": {name: finite(asdict(found)) for name, found in each.summaries().items()},
                "steady": None if each.steady is None else asdict(each.steady),
                "trials": [_trial(one) for one in each.trials],
            }
            for each in results
        },
    }


def _usual(topology: Topology) -> Settings:
    return Settings.of(topology.access, topology.kinds)


def _trial(one: Trial) -> dict[str, Any]:
    """Returns the figures of a trial without its strips: the picture is drawn while it is run."""
    found = {**asdict(one), "ratio": one.ratio}
    del found["strips"]
    return finite(found)


def finite(values: dict[str, Any]) -> dict[str, Any]:
    """Returns figures for JSON, which knows no infinity and no NaN: they are null."""
    return {
        name: finite(value)
        if isinstance(value, dict)
        else None
        if isinstance(value, float) and not math.isfinite(value)
        else value
        for name, value in values.items()
    }


def by_drill(results: Sequence[Result]) -> dict[str, dict[str, Summary]]:
    """Returns all summaries, by drill and topology."""
    found: dict[str, dict[str, Summary]] = {}
    for each in results:
        for name, one in each.summaries().items():
            found.setdefault(name, {})[each.topology.name] = one
    return found


def steadies(results: Sequence[Result]) -> dict[str, Steady]:
    """Returns what was measured at rest, by topology."""
    return {each.topology.name: each.steady for each in results if each.steady}


def tables(results: Sequence[Result]) -> list[Table]:
    """Returns each table: its title, its columns, its rows."""
    return cells.tables(by_drill(results), steadies(results))


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
