"""The command `lab compare`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from .. import disorder, lifecycle, topology
from ..drill import commands, latency
from ..drill.cli import FILE, console
from ..drill.report import LiveView
from ..drill.series import RECORDS
from ..drill.target import LabTarget
from ..errors import LabError
from ..image import RIVALS
from ..layout import SUITE
from ..lock import alone
from ..node import NODES
from ..provenance import stamp
from ..topology import Topology
from . import picture, report, steady, trial
from .faults import FAULTS, Fault
from .figures import Trial
from .options import Options, Plan, command
from .report import Result
from .retries import label
from .words import percent, ratio, seconds

PACKAGES = ("patroni", "etcd-server", "python3-etcd", "keepalived")
LONGEST_DELAY = 45.0
"""s that the fence agent of the lab waits for the power switch, less what that needs itself."""


@click.command()
@click.argument("names", nargs=-1)
@click.option("--drills", help=f"Some of {','.join(FAULTS)}, joined by commas.")
@click.option("--repeat", default=5, type=click.IntRange(min=1), show_default=True, help="Trials.")
@click.option("--json", "json_file", type=FILE, help="Write the figures here.")
@click.option("--page", type=FILE, help="Write a page here, and its picture beside it.")
@click.option("--steady/--no-steady", "rest", default=True, help="Measure what it costs at rest.")
@click.option(
    "--fencing-delay",
    default=0.0,
    type=click.FloatRange(min=0, max=LONGEST_DELAY),
    metavar="S",
    help="Let it take so many s to cut a node's power, like real hardware: 5.",
)
@click.option("--pooled", is_flag=True, help="Sessions through PgBouncer, where a topology has it.")
@click.option(
    "--open-loop",
    "rate",
    default=0.0,
    type=click.FloatRange(min=0, max=50),
    metavar="RATE",
    help="Let one client more of each node begin so many writes a second.",
)
@click.option(
    "--slower-clients",
    "slower",
    default=0.0,
    type=click.FloatRange(min=0),
    metavar="S",
    help="Try each fault also with clients that wait S s after a failed attempt.",
)
def compare(
    names: tuple[str, ...],
    drills: str | None,
    repeat: int,
    json_file: Path | None,
    page: Path | None,
    rest: bool,
    **more: Any,
) -> None:
    """Runs the same faults on each of the topologies NAMES (all), one after another.

    The lab is taken down and built up as each of them; nothing is left of it at the end.
    """
    some = drills.split(",") if drills else list(FAULTS)
    if strangers := set(some) - set(FAULTS):
        raise click.UsageError(f"no drill {min(strangers)}: there are {', '.join(FAULTS)}")
    chosen = [topology.named(name) for name in names or topology.COMPARED]
    options = Options(**more)
    if options.rate:
        latency.check()
    if page is not None:
        picture.check()
    results: list[Result] = []
    versions: dict[str, str] = {}
    facts = {
        **stamp(),
        "command": command(names, some if drills else None, repeat, options, rest),
        "suite": SUITE,
        "options": options.as_json(),
        "repeat": repeat,
        "drills": some,
        "versions": versions,
        "json": str(json_file or "--json FILE"),
    }
    directory = RECORDS / datetime.now(timezone.utc).strftime("compare-%Y%m%dT%H%M%SZ")
    with alone():
        for what in chosen:
            results.append(Result(what))
            try:
                plan = Plan(some, repeat, rest, options, directory / what.name)
                _measure(results[-1], plan, versions)
            except LabError as error:  # the others are hours of measuring
                _note(results[-1], f"given up: {error}")
            finally:
                lifecycle.down(purge=False)
            _write(results, facts, json_file, page)
    report.show(console, results)
    troubled = (each.notes or any(one.trouble for one in each.trials) for each in results)
    sys.exit(1 if any(troubled) else 0)


def _write(
    results: Sequence[Result], facts: dict[str, Any], json_file: Path | None, page: Path | None
) -> None:
    """Writes what has been measured so far: the rest takes hours, and may never come."""
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report.as_json(results, facts), indent=1)
        json_file.write_text(text + "\n")
    if page is not None and any(each.trials for each in results):
        file = page.with_suffix(".png")
        picture.draw(results, facts["drills"], file)
        page.write_text(report.page(results, facts, file.name))


def _measure(result: Result, plan: Plan, versions: dict[str, str]) -> None:
    what = result.topology
    _build(what)
    packages = PACKAGES if what.image == RIVALS else ()
    versions.update(commands.versions(NODES[0], (*packages, "pgbouncer")))
    result.missing = what.missing()
    if result.missing:
        console.print(f"{what.name}: not run: {result.missing}", markup=False)
        return
    target = _ready(what, plan.options)
    result.settings = target.settings
    if plan.rest:
        with console.status(f"{what.name}: at rest, then pgbench"):
            result.steady = steady.measure(what)
    for number in range(1, plan.repeat + 1):
        for name in plan.drills:
            if FAULTS[name].applies(target):
                for settings in plan.options.variants(result.settings, number):
                    target.settings = settings
                    _try(result, plan, target, FAULTS[name], number)


def _try(result: Result, plan: Plan, target: LabTarget, fault: Fault, number: int) -> None:
    """Performs one trial; if it cannot begin, once more on a lab that is built anew."""
    name = label(fault.name, target.settings.retry_pause)
    title = f"{result.topology.name} {name} {number}/{plan.repeat}"
    place = plan.directory / f"{number:02}-{name.replace(', ', '-').replace(' ', '-')}"
    try:
        found = _perform(title, target, fault, number, place)
    except LabError as error:
        _note(result, f"built anew before {name} {number}: {error}")
        _build(result.topology)
        _ready(result.topology, plan.options)
        found = _perform(title, target, fault, number, place.with_name(f"{place.name}-anew"))
    result.trials.append(found)
    words = f"outage {seconds(found.outage)}, failed {found.failed}"
    words += f", misrouted {found.misrouted}, lost {found.lost}, load {ratio(found.machine.load)},"
    words += f" CPU {percent(found.machine.cpu)} {found.trouble}"
    console.print(f"{title}: {words.strip()}", markup=False)


def _ready(what: Topology, options: Options) -> LabTarget:
    """Returns what trials are performed on, with what the options ask for."""
    disorder.delay(options.fencing_delay)
    target = LabTarget(what)
    port = what.pool() if options.pooled else 0
    target.settings = options.settings(target.settings, port)
    return target


def _build(what: Topology) -> None:
    lifecycle.down(purge=False)
    lifecycle.up(lambda text: console.status(f"{what.name}: {text}"), what.name)


def _perform(title: str, target: LabTarget, fault: Fault, number: int, place: Path) -> Trial:
    with LiveView(console, title) as view:
        return trial.perform(target, fault, number, place, view)


def _note(result: Result, text: str) -> None:
    result.notes.append(text)
    console.print(f"{result.topology.name}: {text}", markup=False)
