"""The command `lab drill false-alarms`."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import click
from rich.text import Text

from ...display import FittedTable, new_console, print_list
from ...errors import LabError
from ...layout import STATE
from ...lock import alone
from ...provenance import stamp
from .. import commands
from ..blast.scene import Scene
from ..target import LabTarget
from . import perform
from .perform import Outcome
from .row import ROWS, Row

FILE = click.Path(dir_okay=False, path_type=Path)
console = new_console()


@click.command("false-alarms")
@click.option("--list", "show_list", is_flag=True, help="Name the rows.")
@click.option("--only", multiple=True, metavar="NAME", help="Run this row; may be repeated.")
@click.option("--json", "file", type=FILE, help="Write the table here.")
def false_alarms(show_list: bool, only: tuple[str, ...], file: Path | None) -> None:
    """Events that must not be reported to Pacemaker as a crash of PostgreSQL."""
    if show_list:
        print_list(console, ((row.name, row.text) for row in ROWS))
        return
    plan = chosen(only)
    target = LabTarget()
    # If a signal ends the command, the row is undone all the same.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    target.check()
    now, measured = datetime.now(timezone.utc), stamp()
    scene = Scene(target, STATE / "drills" / f"alarms-{now:%Y%m%dT%H%M%S.%fZ}")
    outcomes: list[Outcome] = []
    trouble = ""
    began = time.monotonic()
    try:
        with alone(), scene.attended():
            for number, row in enumerate(plan, start=1):
                outcomes.append(_one(row, scene, f"{row.name} {number}/{len(plan)}"))
    except LabError as error:
        trouble = str(error)
    console.print(table(outcomes))
    console.print(f"{len(outcomes)} of {len(plan)} rows in {time.monotonic() - began:.0f} s")
    if trouble:
        console.print(f"cannot go on: {trouble}", style="red", markup=False)
    passed = len(outcomes) == len(plan) and all(each.passed for each in outcomes)
    if file is not None:
        found = {
            **measured,
            "passed": passed,
            "versions": commands.versions(target.nodes[0], ("paf-haproxy",)),
            "rows": [each.as_json() for each in outcomes],
        }
        file.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(0 if passed else 1)


def chosen(only: tuple[str, ...]) -> list[Row]:
    """Returns the rows that are named, or all. Raises LabError on a name that no row has."""
    unknown = sorted(set(only) - {row.name for row in ROWS})
    if unknown:
        raise LabError(f"no row {unknown[0]}: lab drill false-alarms --list names them")
    return [row for row in ROWS if not only or row.name in only]


def _one(row: Row, scene: Scene, title: str) -> Outcome:
    def say(text: str) -> None:
        console.print(f"{title}  {text}", markup=False)

    outcome = perform.perform(row, scene, say)
    say("passed" if outcome.passed else f"FAILED: {outcome.reports} reports {outcome.trouble}")
    return outcome


def table(outcomes: Sequence[Outcome]) -> FittedTable:
    """Returns a line for each row. Pure."""
    rows = [
        (
            Text("pass", "green") if each.passed else Text("FAIL", "bold red"),
            each.name,
            each.victim,
            str(each.reports),
            str(each.wanted),
            each.trouble,
        )
        for each in outcomes
    ]
    return FittedTable(("", "row", "victim", "reports", "wanted", "trouble"), rows, keys=2)
