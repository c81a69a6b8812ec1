"""`lab drill --control NAME...`, and with --all: the controls of the drills."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

import click

from ...display import new_console
from ...errors import LabError
from ...layout import STATE
from ...lock import alone
from ...provenance import stamp
from .. import commands, report
from ..drill import Drill
from ..faults import DRILLS, SHORT
from ..target import LabTarget
from . import perform
from .row import Row, table

FILE = click.Path(dir_okay=False, path_type=Path)
console = new_console()


class WithControl(click.Group):
    """With --control, the words after it are names of drills and no commands."""

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Returns the command and its arguments."""
        if context.params.get("control"):
            return control.name, control, args
        return super().resolve_command(context, args)


@click.command("control")
@click.argument("names", nargs=-1)
@click.option("--json", "file", type=FILE, help="Write the table here.")
def control(names: tuple[str, ...], file: Path | None) -> None:
    """The drills NAMES with their injection omitted: the verdict must say that nothing happened."""
    run(chosen(names), file)


def chosen(names: Sequence[str]) -> list[type[Drill]]:
    """Returns the drills of these names, in their order. Raises LabError on a name of none."""
    known = {each.name: each for each in DRILLS}
    if unknown := [name for name in names if name not in known]:
        raise LabError(f"no drill {unknown[0]}: lab drill --list names them")
    return [known[name] for name in names]


def chosen_of(every: bool, short: bool) -> list[type[Drill]]:
    """Returns the drills of --all or --short. Raises UsageError without them."""
    if not (every or short):
        raise click.UsageError("--control needs names of drills after it, or --all, or --short")
    return list(DRILLS) if every else chosen(SHORT)


def run(plan: Sequence[Callable[[], Drill]], file: Path | None) -> None:
    """Performs the controls, shows and writes down the table, and exits with 0 if all passed."""
    target = LabTarget()
    target.check()
    now, measured = datetime.now(timezone.utc), stamp()
    directory = STATE / "drills" / f"controls-{now:%Y%m%dT%H%M%S.%fZ}"
    with alone():
        rows = perform_all(plan, target, directory)
    console.print(table(rows))
    passed = len(rows) == len(plan) and all(row.passed for row in rows)
    count = sum(row.passed for row in rows)
    console.print(f"controls: {count} of {len(plan)} passed; records: {directory}", soft_wrap=True)
    if file is not None:
        found = {
            **measured,
            "passed": passed,
            "versions": commands.versions(target.nodes[0], ("paf-haproxy",)),
            "controls": [row.as_json() for row in rows],
        }
        file.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(0 if passed else 1)


def perform_all(
    plan: Sequence[Callable[[], Drill]], target: LabTarget, directory: Path
) -> list[Row]:
    """Returns the rows of all controls. A control that cannot begin ends the series: the cluster is
    not whole.
    """
    rows: list[Row] = []
    for number, make in enumerate(plan, start=1):
        drill = make()
        title = f"control of {drill.name} {number}/{len(plan)}"
        try:
            with report.LiveView(console, title) as view:
                place = directory / f"run-{number:02}-{drill.name}"
                rows.append(perform.perform(drill, target, place, view))
            if rows[-1].trouble:
                target.repair()
        except LabError as error:
            console.print(f"{title}: {error}", style="red", markup=False)
            break
        state = "passed" if rows[-1].passed else "FAILED"
        console.print(f"{title}: {state}", markup=False)
    return rows
