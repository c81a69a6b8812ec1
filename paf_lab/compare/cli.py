"""The command `lab compare`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from .. import lifecycle, topology
from ..drill import commands
from ..drill.cli import FILE, console
from ..drill.report import LiveView
from ..drill.series import RECORDS
from ..drill.target import LabTarget
from ..errors import LabError
from ..image import RIVALS
from ..lock import alone
from ..node import NODES
from ..provenance import stamp
from ..topology import Topology
from . import picture, report, steady, trial
from .faults import FAULTS, Fault
from .figures import Trial
from .report import Result
from .words import seconds

PACKAGES = ("patroni", "etcd-server", "keepalived")


@click.command()
@click.argument("names", nargs=-1)
@click.option("--drills", help=f"Some of {','.join(FAULTS)}, joined by commas.")
@click.option("--repeat", default=5, type=click.IntRange(min=1), show_default=True, help="Trials.")
@click.option("--json", "json_file", type=FILE, help="Write the figures here.")
@click.option("--page", type=FILE, help="Write a page here, and its picture beside it.")
@click.option("--steady/--no-steady", "rest", default=True, help="Measure what it costs at rest.")
def compare(
    names: tuple[str, ...],
    drills: str | None,
    repeat: int,
    json_file: Path | None,
    page: Path | None,
    rest: bool,
) -> None:
    """Runs the same faults on each of the topologies NAMES (all), one after another.

    The lab is taken down and built up as each of them; nothing is left of it at the end.
    """
    some = drills.split(",") if drills else list(FAULTS)
    if strangers := set(some) - set(FAULTS):
        raise click.UsageError(f"no drill {min(strangers)}: there are {', '.join(FAULTS)}")
    chosen = [topology.named(name) for name in names or topology.COMPARED]
    if page is not None:
        picture.check()
    results: list[Result] = []
    versions: dict[str, str] = {}
    measured = stamp()
    directory = RECORDS / datetime.now(timezone.utc).strftime("compare-%Y%m%dT%H%M%SZ")
    with alone():
        for what in chosen:
            results.append(Result(what))
            try:
                _measure(results[-1], some, repeat, rest, directory / what.name, versions)
            except LabError as error:  # the others are hours of measuring
                _note(results[-1], f"given up: {error}")
            finally:
                lifecycle.down(purge=False)
            facts = {**measured, **_facts(some, repeat, versions, json_file)}
            if json_file is not None:
                json_file.parent.mkdir(parents=True, exist_ok=True)
                text = json.dumps(report.as_json(results, facts), indent=1)
                json_file.write_text(text + "\n")
    report.show(console, results)
    if page is not None:
        file = page.with_suffix(".png")
        picture.draw(results, some, file)
        page.write_text(report.page(results, facts, file.name))
    troubled = (each.notes or any(one.trouble for one in each.trials) for each in results)
    sys.exit(1 if any(troubled) else 0)


def _measure(
    result: Result,
    drills: Sequence[str],
    repeat: int,
    rest: bool,
    directory: Path,
    versions: dict[str, str],
) -> None:
    what = result.topology
    _build(what)
    versions.update(commands.versions(NODES[0], PACKAGES if what.image == RIVALS else ()))
    result.missing = what.missing()
    if result.missing:
        console.print(f"{what.name}: not run: {result.missing}", markup=False)
        return
    if rest:
        with console.status(f"{what.name}: at rest, then pgbench"):
            result.steady = steady.measure(what)
    target = LabTarget(what)
    for number in range(1, repeat + 1):
        for name in drills:
            fault = FAULTS[name]
            if not fault.applies(target):
                continue
            title = f"{what.name} {name} {number}/{repeat}"
            place = directory / f"{number:02}-{name}"
            try:
                found = _perform(title, target, fault, number, place)
            except LabError as error:
                _note(result, f"built anew before {name} {number}: {error}")
                _build(what)
                found = _perform(
                    title, target, fault, number, place.with_name(f"{place.name}-anew")
                )
            result.trials.append(found)
            words = f"outage {seconds(found.outage)}, failed {found.failed}"
            words += f", misrouted {found.misrouted}, lost {found.lost} {found.trouble}"
            console.print(f"{title}: {words.strip()}", markup=False)


def _build(what: Topology) -> None:
    lifecycle.down(purge=False)
    lifecycle.up(lambda text: console.status(f"{what.name}: {text}"), what.name)


def _perform(title: str, target: LabTarget, fault: Fault, number: int, place: Path) -> Trial:
    with LiveView(console, title) as view:
        return trial.perform(target, fault, number, place, view)


def _note(result: Result, text: str) -> None:
    result.notes.append(text)
    console.print(f"{result.topology.name}: {text}", markup=False)


def _facts(
    drills: Sequence[str], repeat: int, versions: dict[str, str], json_file: Path | None
) -> dict[str, Any]:
    return {
        "repeat": repeat,
        "drills": list(drills),
        "some": list(drills) != list(FAULTS),
        "versions": versions,
        "json": str(json_file or "--json FILE"),
    }
