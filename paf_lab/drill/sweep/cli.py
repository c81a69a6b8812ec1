"""The command `lab drill sweep`."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import click

from ...display import new_console
from ...errors import LabError
from ...layout import STATE
from ...lock import alone
from ...provenance import stamp
from .. import commands, report
from ..run import perform
from ..target import LabTarget, Target
from . import victims
from .strike import Strike
from .table import Row, document, moments, row, table
from .victims import VICTIMS, Victim

FILE = click.Path(dir_okay=False, path_type=Path)
NAMES = click.Choice([each.name for each in VICTIMS])
console = new_console()


@click.command("sweep", epilog="; ".join(f"{each.name}: {each.text}" for each in VICTIMS))
@click.argument("victim", type=NAMES)
@click.option(
    "--from",
    "since",
    default=0,
    type=click.IntRange(min=0),
    show_default=True,
    help="First moment, ms after the pre-demote notification.",
)
@click.option(
    "--to",
    "until",
    default=2000,
    type=click.IntRange(min=0),
    show_default=True,
    help="Last moment, ms.",
)
@click.option(
    "--step",
    default=50,
    type=click.IntRange(min=1),
    show_default=True,
    help="ms between two moments.",
)
@click.option("--json", "file", type=FILE, help="Write the table here, after each switchover.")
def sweep(victim: str, since: int, until: int, step: int, file: Path | None) -> None:  # fmt: skip
    """Switchovers in which VICTIM is killed, each at another moment."""
    # If a signal ends the command, the switchover is undone all the same.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        plan = moments(since, until, step)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    what, target = victims.named(victim), LabTarget()
    target.check()
    measured = stamp()
    versions = commands.versions(target.nodes[0], ("paf-haproxy",))
    facts = {
        "sweep": what.name, "victim": what.text, "from": since, "to": until, "step": step,
        "switchovers": len(plan), "limit_without_primary": what.away,
    }  # fmt: skip
    rows: list[Row] = []
    trouble = ""
    began = time.monotonic()
    try:
        with alone():
            for each in _rows(what, plan, target):
                rows.append(each)
                if file is not None:
                    found = document(measured, facts, versions, rows)
                    file.write_text(json.dumps(found, indent=1) + "\n")
    except LabError as error:
        trouble = str(error)  # the rows before it are shown all the same
    console.print(table(rows))
    console.print(f"{len(rows)} of {len(plan)} switchovers in {time.monotonic() - began:.0f} s")
    if trouble:
        console.print(f"cannot go on: {trouble}", style="red", markup=False)
    sys.exit(0 if document(measured, facts, versions, rows)["passed"] else 1)


def _rows(victim: Victim, plan: list[float], target: Target) -> Iterator[Row]:
    """Yields a row for each moment. Raises LabError if a switchover cannot begin."""
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    directory = STATE / "drills" / f"sweep-{victim.name}-{now}"
    for number, offset in enumerate(plan, start=1):
        strike = Strike(victim, offset)
        title = f"{strike.name} {number}/{len(plan)}"
        place = directory / f"at-{offset * 1000:05.0f}"
        with report.LiveView(console, title) as view:
            run = perform(strike, number, target, place, view)
        found = row(strike, run)
        text = "; ".join(found.broken) or "passed"
        console.print(f"{title}, {offset * 1000:.0f} ms: {text}", markup=False)
        yield found
        if not run.passed:
            target.repair()
