"""The commands `lab drill` and `lab bench`."""

from __future__ import annotations

import contextlib
import fcntl
import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..errors import LabError
from ..layout import RUN, STATE
from ..node import NODES, named
from . import bench as bench_of_notify
from . import commands, report, verdict
from .ban import Ban
from .drill import Drill
from .kill_haproxy import KillHaproxy
from .run import perform
from .settings import Settings
from .switchover import Switchover

DRILLS: tuple[type[Drill], ...] = (Switchover, Ban, KillHaproxy)
RECORDS = STATE / "drills"
FILE = click.Path(dir_okay=False, path_type=Path)

console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 120)


@click.group(invoke_without_command=True)
@click.option("--list", "show_list", is_flag=True, help="Name the drills.")
@click.pass_context
def drill(context: click.Context, show_list: bool) -> None:
    """Changes or breaks something on purpose, and judges what clients saw of it."""
    if show_list:
        for each in DRILLS:
            console.print(f"{each.name:14} {each.summary}", markup=False, soft_wrap=True)
    elif context.invoked_subcommand is None:
        click.echo(context.get_help())


def _options(command: Callable[..., None]) -> Callable[..., None]:
    path = click.Path(dir_okay=False, path_type=Path)
    command = click.option("--json", "json_file", type=path, help="Write the figures here.")(
        command
    )
    count = click.IntRange(min=1)
    return click.option("--repeat", default=1, type=count, show_default=True, help="Runs.")(command)


@drill.command(Switchover.name, help=Switchover.summary)
@click.option("--to", help="Node to promote; by default the one after the primary.")
@_options
def switchover(to: str | None, repeat: int, json_file: Path | None) -> None:
    if to and repeat > 1:
        raise click.UsageError("--to names one target: use it without --repeat")
    _run(Switchover(to), repeat, json_file)


@drill.command(Ban.name, help=Ban.summary)
@_options
def ban(repeat: int, json_file: Path | None) -> None:
    _run(Ban(), repeat, json_file)


@drill.command(KillHaproxy.name, help=KillHaproxy.summary)
@_options
def kill_haproxy(repeat: int, json_file: Path | None) -> None:
    _run(KillHaproxy(), repeat, json_file)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two drills at a time would judge each other's faults."""
    RUN.mkdir(parents=True, exist_ok=True)
    with (RUN / "drill.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LabError("another drill is at work: wait for it") from error
        yield


def _run(what: Drill, repeat: int, json_file: Path | None) -> None:
    """Runs a drill, shows it, writes it down, and exits with 0 only if all passed."""
    settings = Settings()
    now = datetime.now(timezone.utc)
    directory = RECORDS / now.strftime("%Y%m%dT%H%M%S.%fZ")
    runs: list[verdict.Run] = []
    with _alone():
        for number in range(1, repeat + 1):
            title = f"{what.name} {number}/{repeat}"
            place = directory / f"run-{number:02}"
            try:
                with report.LiveView(console, title) as view:
                    runs.append(perform(what, number, NODES, settings, place, view))
            except LabError as error:
                if not runs:
                    raise
                # What the runs before have shown is still worth showing.
                console.print(f"{title} cannot begin: {error}", style="red", markup=False)
                break
            report.show_run(console, runs[-1])
        versions = commands.versions(NODES[0])
    findings = verdict.overall(runs, repeat, settings.bars)
    report.show_overall(console, runs, findings)
    result: dict[str, Any] = {
        "drill": what.name,
        "date": now.isoformat(timespec="seconds"),
        "passed": all(finding.passed for finding in findings),
        "findings": [vars(finding) for finding in findings],
        "spans": verdict.spans(runs),
        "versions": versions,
        "settings": settings.as_json(),
        "runs": [verdict.as_json(run) for run in runs],
    }
    for file in (directory / "report.json", json_file):
        if file is not None:
            file.write_text(json.dumps(result, indent=1) + "\n")
    console.print(f"records: {directory}", markup=False, soft_wrap=True)
    sys.exit(0 if result["passed"] else 1)


@click.group()
def bench() -> None:
    """Measures parts on their own."""


@bench.command("notify")
@click.option("--node", default=NODES[-1].name, show_default=True, help="Node to measure on.")
@click.option("--runs", default=150, type=click.IntRange(min=100), show_default=True)
@click.option("--json", "json_file", type=FILE, help="Write the figures here.")
def bench_notify(node: str, runs: int, json_file: Path | None) -> None:
    """Measures the agent's notify action as a whole process, against a bare Python."""
    with _alone():
        samples = bench_of_notify.measure(named(node), [each.name for each in NODES], runs)
        versions = commands.versions(named(node))
    findings = bench_of_notify.judge(samples)
    console.print(report.finding_table(findings))
    figures = bench_of_notify.as_json(samples)
    for event, spread in figures["by_event_ms"].items():
        console.print(f"{event}: median {spread['median']} ms, p95 {spread['p95']} ms")
    passed = all(finding.passed for finding in findings)
    if json_file is not None:
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        head = {"bench": "notify", "date": now, "passed": passed, "versions": versions}
        verdicts = [vars(finding) for finding in findings]
        text = json.dumps({**head, "findings": verdicts, **figures}, indent=1)
        json_file.write_text(text + "\n")
    sys.exit(0 if passed else 1)
