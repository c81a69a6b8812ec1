"""The command `lab soak`."""

from __future__ import annotations

import itertools
import json
import secrets
import signal
import sys
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from ..display import new_console
from ..drill import commands
from ..drill.target import LabTarget
from ..errors import LabError
from ..layout import REPO, STATE
from ..lock import alone
from ..provenance import stamp
from . import draw, faults, minimize, report, run, schedule, table
from .round import Round
from .scene import Scene
from .schedule import Entry, Schedule

RECORDS = STATE / "soaks"
"""A directory for each command, with the schedule, and the logs of the rounds that failed."""
RESULTS = REPO / "results" / "soak"
"""Schedules that were shrunk."""
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
OURS = ("paf-haproxy",)
"""Package whose version is noted besides those of a drill."""
console = new_console()


@click.command("soak")
@click.option("--hours", type=click.FloatRange(min=0.01), default=4.0, show_default=True)
@click.option("--seed", type=int, help="Of the faults; by default one is drawn and told.")
@click.option("--replay", "replayed", type=EXISTING, help="Play this schedule once.")
@click.option("--shrink", "shrunk", type=EXISTING, help="Remove faults while this schedule fails.")
@click.option(
    "--runs",
    default=30,
    type=click.IntRange(min=1),
    show_default=True,
    help="Most replays of --shrink.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the summary here.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the logs of all rounds here, not of those alone that failed.",
)
def soak(
    hours: float,
    seed: int | None,
    replayed: Path | None,
    shrunk: Path | None,
    runs: int,
    json_file: Path | None,
    keep: Path | None,
) -> None:
    """Overlapping random faults for hours, and an oracle that reads what clients saw of them."""
    if sum(each is not None for each in (seed, replayed, shrunk)) > 1:
        raise click.UsageError("--seed, --replay and --shrink exclude one another: give one")
    # The soak takes its faults back, also if it fails.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = replayed or shrunk
    what = schedule.read(given) if given else None
    target = LabTarget()
    target.check()
    facts: dict[str, Any] = stamp()
    scene = Scene(target, _say)
    directory = keep or RECORDS / f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}"
    if directory.exists() and any(directory.iterdir()):
        raise LabError(f"{directory} is not empty: give --keep another directory")
    with alone():
        run.prepare(scene)
        facts["versions"] = commands.versions(scene.anyone, OURS)
        try:
            if shrunk is not None and what is not None:
                _shrink(scene, what, runs, directory, facts)
                return
            bursts, seconds = _plan(scene, what, hours, seed, facts)
            passed = _run(scene, bursts, seconds, directory, keep is not None, facts, json_file)
        finally:
            scene.rest(0)  # what is still to be undone
    sys.exit(0 if passed else 1)


def _plan(
    scene: Scene, what: Schedule | None, hours: float, seed: int | None, facts: dict[str, Any]
) -> tuple[Iterable[tuple[Entry, ...]], float]:
    """Returns the bursts, and after how many s none begins any more. Adds to the facts what tells
    this soak from another.
    """
    if what is not None:
        facts["seed"] = what.seed
        return what.bursts(), float("inf")
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    without = faults.impossible(scene)
    facts |= {"seed": seed, "hours": hours, "impossible": without}
    _say(f"seed {seed}, {hours:g} h" + "".join(f", without {name}" for name in without))
    return draw.bursts(seed, without), hours * 3600


def _say(text: str) -> None:
    console.print(f"{datetime.now(timezone.utc):%H:%M:%S}  {text}", markup=False, soft_wrap=True)


def _run(
    scene: Scene,
    bursts: Iterable[tuple[Entry, ...]],
    seconds: float,
    directory: Path,
    keep: bool,
    facts: dict[str, Any],
    json_file: Path | None,
) -> bool:
    """Performs the rounds and writes the summary. Returns whether all passed."""
    began = time.monotonic()
    done: list[Round] = []

    def summary(trouble: str) -> dict[str, Any]:
        lasted = round((time.monotonic() - began) / 3600, 2)
        found = report.summary(done, {**facts, "lasted": lasted}, trouble)
        for file in filter(None, (directory / "report.json", json_file)):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(found, indent=1) + "\n")
        return found

    trouble = ""
    try:
        for each in run.rounds(bursts, seconds, scene, directory, keep, facts["seed"]):
            done.append(each)
            summary("not at its end yet")  # so that hours are not lost if this is killed
    except LabError as error:
        trouble = str(error)
    except KeyboardInterrupt:
        trouble = "interrupted"
    found = summary(trouble)
    if found["passed"] and (leads := scene.leader()):
        table.drop(scene.nodes[leads], scene.access)
    for line in report.lines(found):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"records: {directory}", markup=False, soft_wrap=True)
    return bool(found["passed"])


def _shrink(
    scene: Scene, what: Schedule, runs: int, directory: Path, facts: dict[str, Any]
) -> None:
    """Shrinks a schedule and keeps the result below RESULTS."""
    tries = itertools.count(1)

    def replay(each: Schedule) -> frozenset[str]:
        table.make(scene.nodes[scene.leader() or scene.roles[schedule.PRIMARY]], scene.access)
        place = directory / f"replay-{next(tries):02}"
        rounds = run.rounds(each.bursts(), float("inf"), scene, place, keep=False, seed=each.seed)
        return frozenset().union(*(done.kinds for done in rounds))

    found = minimize.minimize(what, replay, runs, _say)
    bursts = "-".join(str(number) for number in sorted({e.burst for e in found.schedule.entries}))
    file = RESULTS / f"seed-{what.seed}-burst-{bursts}.json"
    kinds = sorted(found.kinds)
    found.schedule.write(file, **facts, kinds=kinds, runs=found.runs, minimal=found.whole)
    _say(f"{len(found.schedule.entries)} faults are left: lab soak --replay {file}")
