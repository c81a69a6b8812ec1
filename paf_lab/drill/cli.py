"""The command `lab drill`."""

from __future__ import annotations

import functools
import json
import secrets
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from .. import inventory
from ..display import new_console, print_list
from ..lock import alone
from ..provenance import stamp
from . import compare, html, latency, series
from .alarms.cli import false_alarms
from .blast.cli import blast
from .control import cli as controls
from .drill import Drill
from .drivers.cli import drivers
from .faults import DRILLS, SHORT, faults_named
from .faults.switchover import Switchover
from .sweep.cli import sweep
from .target import LabTarget, RemoteTarget, Target

FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)

console = new_console()


@dataclass(frozen=True)
class Common:
    """The options of every drill."""

    json_file: Path | None
    other: Path | None
    inventory: Path | None
    breakable: tuple[str, ...]
    rate: float | None

    def target(self) -> Target:
        """Returns where it takes place. Raises LabError if the inventory is wrong, or if the lab is
        down.
        """
        if self.inventory is None:
            if self.breakable:
                raise click.UsageError("--yes-break is for the machines of an --inventory")
            lab = LabTarget()
            lab.check()
            return self._paced(lab)
        return self._paced(RemoteTarget(*inventory.load(self.inventory), self.breakable))

    def _paced(self, target: LabTarget | RemoteTarget) -> Target:
        if self.rate is not None:
            latency.check()
            target.settings = target.settings.with_open_loop(self.rate)
        return target


def _common(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of every drill, as the argument `common`."""

    @functools.wraps(command)
    def with_common(
        *args: Any,
        json_file: Path | None,
        other: Path | None,
        inventory_file: Path | None,
        breakable: tuple[str, ...],
        rate: float | None,
        **options: Any,
    ) -> None:
        common = Common(json_file, other, inventory_file, breakable, rate)
        command(*args, common=common, **options)

    for option in (
        click.option(
            "--yes-break", "breakable", multiple=True, metavar="NODE",
            help="A node of the inventory that may be damaged; may be repeated.",
        ),
        click.option(
            "--inventory", "inventory_file", type=EXISTING,
            help="Drill the machines of this file over ssh, not the lab.",
        ),
        click.option(
            "--open-loop", "rate", type=click.FloatRange(min=0.1, max=50), metavar="RATE",
            help="Let one client more of each node begin so many writes a second.",
        ),
        click.option(
            "--compare", "other", type=EXISTING, help="Say what got worse since that report."
        ),
        click.option(
            "--json", "json_file", type=FILE, help="Write the figures here, and an .html beside it."
        ),
    ):  # fmt: skip
        option(with_common)
    return with_common


@click.group(cls=controls.WithControl, invoke_without_command=True)
@click.option("--list", "show_list", is_flag=True, help="Name the drills.")
@click.option("--all", "every", is_flag=True, help="Run every drill, in an order of the seed's.")
@click.option("--short", is_flag=True, help=f"Run {', '.join(SHORT)}.")
@click.option("--random", "draw", type=click.IntRange(min=1), help="Run so many, drawn at random.")
@click.option(
    "--control",
    is_flag=True,
    help="Omit what the drills named after it, or all, do to the cluster: their verdict must fail.",
)
@click.option("--seed", type=int, help="Of the order; by default one is drawn and told.")
@_common
@click.pass_context
def drill(
    context: click.Context,
    show_list: bool,
    every: bool,
    short: bool,
    draw: int | None,
    control: bool,
    seed: int | None,
    common: Common,
) -> None:
    """Changes or breaks something on purpose, and judges what clients saw of it."""
    # Whatever ends the drill, what it did is undone.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if context.invoked_subcommand is not None:
        return
    if show_list:
        print_list(console, ((each.name, each.summary) for each in DRILLS))
        return
    if control:
        if common.inventory or common.other or common.rate or draw:
            raise click.UsageError("--control goes with names of drills, --all, --short and --json")
        controls.run(controls.chosen_of(every, short), common.json_file)
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    if short:
        _run("short", faults_named(SHORT), common, {})
    elif every:
        _run("all", series.shuffled(DRILLS, seed), common, {"seed": seed})
    elif draw:
        _run("random", series.drawn(DRILLS, draw, seed), common, {"seed": seed})
    else:
        click.echo(context.get_help())


def _command(what: type[Drill]) -> click.Command:
    """Returns the command of one drill."""

    @click.command(what.name, help=what.summary)
    @click.option(
        "--repeat", default=1, type=click.IntRange(min=1), show_default=True, help="Runs."
    )
    @_common
    def command(repeat: int, common: Common) -> None:
        _run(what.name, [what] * repeat, common, {})

    return command


@click.command(Switchover.name, help=Switchover.summary)
@click.option("--to", help="Node to promote; by default the one after the primary.")
@click.option("--repeat", default=1, type=click.IntRange(min=1), show_default=True, help="Runs.")
@_common
def switchover(to: str | None, repeat: int, common: Common) -> None:
    if to and repeat > 1:
        raise click.UsageError("--to names one target: use it without --repeat")
    _run(Switchover.name, [lambda: Switchover(to)] * repeat, common, {})


@drill.command("page")
@click.argument("records", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("file", type=FILE)
@click.option(
    "--json", "json_file", type=FILE, help="Write the figures here, without the timelines."
)
def page(records: Path, file: Path, json_file: Path | None) -> None:
    """Writes the page of earlier drills again, as FILE, from the directory RECORDS."""
    html.check()
    file.write_text(series.page_of(records))
    if json_file is not None:
        json_file.write_text(json.dumps(series.figures_of(records), indent=1) + "\n")


drill.add_command(switchover)
drill.add_command(blast)
drill.add_command(false_alarms)
drill.add_command(drivers)
drill.add_command(sweep)
for _each in DRILLS:
    if _each is not Switchover:
        drill.add_command(_command(_each))


def _run(title: str, plan: series.Plan, common: Common, facts: dict[str, Any]) -> None:
    """Runs the drills, shows and writes down their verdict, and exits with 0 if all passed."""
    html.check()
    target = common.target()
    measured = stamp()
    for name, value in facts.items():
        console.print(f"{name}: {value}", markup=False)
    with alone():
        runs, directory = series.perform_all(plan, console, target)
        files = [common.json_file]
        passed = series.conclude(
            title, plan, runs, directory, console, target, {**measured, **facts}, files
        )
    if common.other is not None:
        report_now = json.loads((directory / "report.json").read_text())
        lines = list(compare.worse(report_now, json.loads(common.other.read_text())))
        console.print(
            f"worse than {common.other}:", *(lines or ["nothing"]), sep="\n  ", markup=False
        )
    sys.exit(0 if passed else 1)
