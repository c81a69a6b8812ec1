"""The command `lab drill blast`."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from ...display import FittedTable, new_console, print_list
from ...errors import LabError
from ...layout import STATE
from ...lock import alone
from ...provenance import stamp
from .. import commands
from ..target import LabTarget
from . import perform
from .judge import Outcome
from .row import Row
from .scene import Scene

FILE = click.Path(dir_okay=False, path_type=Path)
console = new_console()


@click.command("blast")
@click.option("--list", "show_list", is_flag=True, help="Name the rows.")
@click.option("--only", multiple=True, metavar="NAME", help="Run this row; may be repeated.")
@click.option(
    "--json", "file", type=FILE,
    help="Write the table here. With --only the other rows of the file are kept.",
)  # fmt: skip
def blast(show_list: bool, only: tuple[str, ...], file: Path | None) -> None:
    """Mistakes and local faults: which nodes each of them affects, and where it is reported."""
    target = LabTarget()
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    scene = Scene(target, STATE / "drills" / f"blast-{now}")
    if show_list:
        print_list(console, ((row.name, row.kind, row.text) for row in perform.rows(scene)))
        return
    # The fault is removed also if the command is ended by a signal.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    target.check()
    plan = chosen(perform.rows(scene), only)
    measured = stamp()
    before = {"rows": []} if file is None or not (only and file.exists()) else _read(file)
    versions = commands.versions(target.nodes[0], ("paf-haproxy",))
    began = time.monotonic()
    outcomes: list[Outcome] = []
    trouble = ""
    try:
        with alone(), scene.attended():
            for number, row in enumerate(plan, start=1):
                outcomes.append(_one(row, scene, f"{row.name} {number}/{len(plan)}"))
                if file is not None:
                    file.write_text(
                        json.dumps(document(before, outcomes, versions, measured), indent=1) + "\n"
                    )
    except LabError as error:
        trouble = str(error)  # the rows before it are shown all the same
    console.print(table(outcomes))
    taken = time.monotonic() - began
    console.print(f"{len(outcomes)} of {len(plan)} rows in {taken:.0f} s", markup=False)
    if trouble:
        console.print(f"cannot go on: {trouble}", style="red", markup=False)
    passed = len(outcomes) == len(plan) and all(each.passed for each in outcomes)
    sys.exit(0 if passed else 1)


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def chosen(rows: Sequence[Row], only: Sequence[str]) -> list[Row]:
    """Returns the rows that are named, or all. Raises LabError on a name that no row has."""
    known = {row.name: row for row in rows}
    for name in only:
        if name not in known:
            raise LabError(f"no row {name}: lab drill blast --list names them")
    return [row for row in rows if not only or row.name in only]


def _one(row: Row, scene: Scene, title: str) -> Outcome:
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"{title} {time.monotonic() - began:6.1f} s  {text}", markup=False)

    outcome = perform.perform(row, scene, say)
    say("passed" if outcome.passed else f"FAILED: {'; '.join(outcome.broken)}")
    return outcome


def document(
    before: dict[str, Any],
    outcomes: Sequence[Outcome],
    versions: dict[str, str],
    measured: dict[str, Any],
) -> dict[str, Any]:
    """Returns the table as JSON: the rows of before, without those that were run again. measured:
    what provenance.stamp() returned; each row keeps its own commit and begin.
    """
    stamp = {"commit": measured["commit"], "begun": measured["date"]}
    rows = {each["name"]: each for each in before["rows"]}
    rows.update({each.name: {**each.as_json(), **stamp} for each in outcomes})
    return {
        **measured,
        "passed": all(each["passed"] for each in rows.values()),
        "versions": versions,
        "rows": list(rows.values()),
    }


def table(outcomes: Sequence[Outcome]) -> FittedTable:
    """Returns a line for each row. Pure."""
    heads = ("", "row", "victim", "lost service", "failed elsewhere", "on victim", "reported in")
    rows = [
        (
            Text("pass", "green") if each.passed else Text("FAIL", "bold red"),
            each.name,
            each.victim,
            " ".join(each.lost) or "none",
            str(each.elsewhere),
            f"{each.here} + {each.away} on purpose",
            ", ".join(each.reports) or "nowhere",
            "; ".join(each.broken),
        )
        for each in outcomes
    ]
    return FittedTable((*heads, "limits broken"), rows, keys=2)
