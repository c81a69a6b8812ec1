"""One drill after another, with one verdict and one report."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console

from ..errors import LabError
from ..layout import STATE
from . import commands, html, report, verdict
from .audits import Finding
from .drill import Drill
from .phases import phases
from .run import perform
from .target import Target
from .timeline import Event
from .verdict import Run

RECORDS = STATE / "drills"
"""A directory for each command, with the records of each run."""
Plan = Sequence[Callable[[], Drill]]


def shuffled(plan: Plan, seed: int) -> Plan:
    """Returns the same drills in an order that the seed determines."""
    found = list(plan)
    random.Random(seed).shuffle(found)  # noqa: S311 - no secret
    return found


def drawn(plan: Plan, number: int, seed: int) -> Plan:
    """Returns so many drills, each drawn from all: one may come twice, after itself even."""
    return random.Random(seed).choices(list(plan), k=number)  # noqa: S311 - no secret


def perform_all(plan: Plan, console: Console, target: Target) -> tuple[list[Run], Path]:
    """Runs the drills; returns the runs, and where their records are. A drill that cannot begin
    fails, and so do all after it: the cluster is not whole.

    Raises LabError if not even the first can begin.
    """
    now = datetime.now(timezone.utc)
    directory = RECORDS / now.strftime("%Y%m%dT%H%M%S.%fZ")
    runs: list[Run] = []
    for number, make in enumerate(plan, start=1):
        what = make()
        title = f"{what.name} {number}/{len(plan)}"
        place = _place(directory, number, what.name)
        try:
            with report.LiveView(console, title) as view:
                runs.append(perform(what, number, target, place, view))
        except LabError as error:
            if not runs:
                raise
            # What the runs before have shown is still worth showing.
            console.print(f"{title} cannot begin: {error}", style="red", markup=False)
            break
        report.show_run(console, runs[-1])
        if not runs[-1].passed and number < len(plan):
            _repair(console, target)
    return runs, directory


def _place(directory: Path, number: int, drill: str) -> Path:
    """Returns where the records of a run are."""
    return directory / f"run-{number:02}-{drill}"


def _repair(console: Console, target: Target) -> None:
    """Makes the cluster whole after a drill that failed: the next is not to be judged by it."""
    try:
        target.repair()
    except LabError as error:
        console.print(f"the cluster is not whole: {error}", style="red", markup=False)


def conclude(
    title: str,
    plan: Plan,
    runs: Sequence[Run],
    directory: Path,
    console: Console,
    target: Target,
    facts: dict[str, Any],
    files: Sequence[Path | None],
) -> bool:
    """Shows and writes down the verdict over all runs; returns whether all passed.

    files: where the figures go besides the records: NAME.json, with a NAME.html beside it.
    """
    findings = verdict.overall(runs, len(plan), target.settings.bars)
    report.show_overall(console, title, runs, findings)
    result = as_json(title, runs, findings, target, facts)
    written = [file for file in (directory / "report.json", *files) if file is not None]
    for file in written:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(result, indent=1) + "\n")
    page = html.page(result, [run.evidence.seen for run in runs])
    for file in written:
        file.with_suffix(".html").write_text(page)
    console.print(f"records: {directory}", markup=False, soft_wrap=True)
    return bool(result["passed"])


def _report(directory: Path) -> dict[str, Any]:
    report = directory / "report.json"
    if not report.exists():
        raise LabError(f"{directory} has no report.json: name a directory below {RECORDS}")
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def page_of(directory: Path) -> str:
    """Returns the page of earlier runs. Raises LabError if their records are not whole."""
    result = _report(directory)
    places = [_place(directory, run["run"], run["drill"]) for run in result["runs"]]
    if missing := [each for each in places if not each.is_dir()]:
        raise LabError(f"no records {missing[0]}: the page cannot be written again")
    return html.page(result, [html.read_records(each) for each in places])


def figures_of(directory: Path) -> dict[str, Any]:
    """Returns the figures of earlier runs without the timelines, as results/ has them. Raises
    LabError if there is no report.
    """
    result = _report(directory)
    for run in result["runs"]:
        events = [Event(**each) for each in run.pop("timeline")]
        run["phases"] = phases(events, 0.0)
    return result


def as_json(
    title: str,
    runs: Sequence[Run],
    findings: Sequence[Finding],
    target: Target,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Returns all figures; the timelines stand in the records alone."""
    return {
        "drill": title,
        **facts,
        "passed": all(finding.passed for finding in findings),
        "findings": [vars(finding) for finding in findings],
        "spans": verdict.spans(runs),
        "versions": commands.versions(target.nodes[0]),
        "settings": target.settings.as_json(),
        "runs": [verdict.as_json(run) for run in runs],
    }
