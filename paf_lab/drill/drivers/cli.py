"""The command `lab drill drivers`."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from ...display import FittedTable, new_console, print_list
from ...errors import LabError
from ...layout import STATE
from ...lock import alone
from ...node import APPLICATION
from ...provenance import stamp
from .. import commands, report
from ..run import perform
from ..target import LabTarget
from . import application, figures
from .attended import Attended, AttendedCrash, AttendedPowerOff, AttendedSwitchover, name
from .driver import DRIVERS, ROUTES, Driver, chosen

FILE = click.Path(dir_okay=False, path_type=Path)
EVENTS: tuple[tuple[str, type[Attended]], ...] = (
    ("switchover", AttendedSwitchover),
    ("crash", AttendedCrash),
    ("power-off", AttendedPowerOff),
)
ITERATIONS = 4096  # of SCRAM; pgjdbc refuses fewer
PACKAGES = (
    "python3-psycopg", "libpostgresql-jdbc-java", "default-jre-headless",
    "golang-github-jackc-pgx-v4-dev", "node-pg",
)  # fmt: skip
console = new_console()


@click.command()
@click.option("--list", "show_list", is_flag=True, help="Name the drivers.")
@click.option("--only", multiple=True, metavar="NAME", help="Run this driver; may be repeated.")
@click.option(
    "--event", "names", multiple=True, type=click.Choice([event for event, _ in EVENTS]),
    help="Run this event; may be repeated. By default all three are run.",
)  # fmt: skip
@click.option("--json", "file", type=FILE, help="Write the table here.")
def drivers(
    show_list: bool, only: tuple[str, ...], names: tuple[str, ...], file: Path | None
) -> None:
    """What sessions of real client drivers see, with PgBouncer and without it."""
    if show_list:
        print_list(console, ((each.title,) for each in DRIVERS))
        return
    plan = chosen(only)
    if not plan:
        raise LabError(f"no driver {only[0]}: lab drill drivers --list names them")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    target = LabTarget()
    target.settings = replace(target.settings, iterations=ITERATIONS)
    target.check()
    if not commands.pooled(target.nodes):
        raise LabError("PgBouncer does not run on every node: lab down, then lab up")
    now = datetime.now(timezone.utc)
    directory = STATE / "drills" / f"drivers-{now:%Y%m%dT%H%M%S.%fZ}"
    found: dict[str, Any] = {**stamp(), "events": []}
    with alone(), application.running():
        found["versions"] = {
            **commands.versions(target.nodes[0], ("paf-haproxy", "pgbouncer")),
            **_versions(),
        }
        found["patience"] = application.PATIENCE
        found["gives_up_after"] = {
            driver.title: application.gives_up_after(driver.silent(application.SILENT))
            for driver in plan
            if not driver.kind.libpq
        }
        for event, what in EVENTS:
            if not names or event in names:
                found["events"].append(_one(event, what(), plan, target, directory / event))
    if file is not None:
        file.write_text(json.dumps(found, indent=1) + "\n")
    console.print(f"records: {directory}", markup=False, soft_wrap=True)
    sys.exit(0 if all(each["passed"] for each in found["events"]) else 1)


def _versions() -> dict[str, str]:
    show = ("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES)
    lines = APPLICATION.run(*show).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines)


def _one(
    event: str, drill: Attended, plan: list[Driver], target: LabTarget, directory: Path
) -> dict[str, Any]:
    """Runs one event with all drivers. Returns what they saw, and shows it."""
    drill.drivers = plan
    with report.LiveView(console, event) as view:
        run = perform(drill, 1, target, directory, view)
    evidence = run.evidence
    rows = []
    for number, driver in enumerate(plan):
        for route in ROUTES:
            client = name(number, route)
            text = (directory / f"{APPLICATION.name}.{client}.jsonl").read_text()
            saw = figures.seen(figures.read(text), client, evidence.started, evidence.rows)
            rows.append({
                "name": driver.name, "settings": driver.settings, "route": route, **saw.as_json()
            })  # fmt: skip
    broken = [f"{each.name}: {each.value}" for each in run.findings if not each.passed]
    broken += [f"{row['name']}: {row['lost']} rows lost" for row in rows if row["lost"]]
    broken += [f"{row['name']}: no transaction" for row in rows if not row["acknowledged"]]
    _show(event, rows, broken)
    outage = run.worst.length if run.worst else None
    return {
        "event": event, "passed": not broken, "broken": broken, "outage": outage,
        "host": drill.host, "primary": evidence.primary, "rows": rows,
    }  # fmt: skip


def table(event: str, rows: Sequence[Mapping[str, Any]]) -> FittedTable:
    """Returns a line for each driver and route. Pure."""
    heads = ("driver", "through", "done", "errors at rest", "then", "longest")
    cells = [
        (
            ", ".join(filter(None, (row["name"], row["settings"]))),
            row["route"], str(row["acknowledged"]), str(row["at_rest"]), str(row["errors"]),
            f"{row['longest']:.2f} s", row["texts"][0][0] if row["texts"] else "",
        )
        for row in rows
    ]  # fmt: skip
    return FittedTable((*heads, "first error"), cells, keys=2, title=event)


def _show(event: str, rows: list[dict[str, Any]], broken: list[str]) -> None:
    console.print(table(event, rows))
    for text in broken:
        console.print(f"{event}: {text}", style="red", markup=False)
