"""The command `lab bench`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from ..drill import commands, report
from ..drill.audits import Finding
from ..drill.cli import FILE, console
from ..drill.settings import Settings
from ..layout import REPO, STATE
from ..lock import alone
from ..node import NODES, named
from ..provenance import commit, stamp
from . import beside, dirty, idle, notify, pooler, publish, rest, tables, throughput

NODE = click.option("--node", default=NODES[-1].name, show_default=True, help="Node to measure on.")
JSON = click.option("--json", "json_file", type=FILE, help="Write the figures here.")


@click.group()
@click.pass_context
def bench(context: click.Context) -> None:
    """Measures parts on their own."""
    context.obj = stamp()


@bench.command("notify")
@NODE
@click.option("--runs", default=150, type=click.IntRange(min=100), show_default=True)
@JSON
def bench_notify(node: str, runs: int, json_file: Path | None) -> None:
    """Measures the agent's notify action as a whole process, against a bare Python."""
    with alone():
        samples = notify.measure(named(node), [each.name for each in NODES], runs)
        versions = commands.versions(named(node))
    figures = notify.as_json(samples)
    for event, spread in figures["by_event_ms"].items():
        console.print(f"{event}: median {spread['median']} ms, p95 {spread['p95']} ms")
    end("notify", notify.judge(samples), figures, versions, json_file)


@bench.command("publish")
@NODE
@click.option("--seconds", default=5.0, show_default=True, help="For each port.")
@JSON
def bench_publish(node: str, seconds: float, json_file: Path | None) -> None:
    """Measures how often the role can be asked for: of us, of the deck's socket, of Patroni."""
    with alone():
        found = publish.measure(named(node), seconds)
        versions = {**commands.versions(named(node)), **publish.versions()}
    console.print(tables.publish(found))
    end("publish", publish.judge(found), publish.as_json(found), versions, json_file)


@bench.command("idle")
@NODE
@click.option("--seconds", default=60.0, show_default=True, help="With and without the deck's.")
@JSON
def bench_idle(node: str, seconds: float, json_file: Path | None) -> None:
    """Measures what routing costs a node at rest: ours, and the deck's beside it."""
    with alone():
        found = idle.measure(named(node), NODES, seconds)
        versions = commands.versions(named(node))
    console.print(tables.idle(found))
    end("idle", idle.judge(found), idle.as_json(found), versions, json_file)


@bench.command("rest")
@click.option("--seconds", default=30.0, show_default=True)
@JSON
def bench_rest(seconds: float, json_file: Path | None) -> None:
    """Measures what every node does at rest: CPU of all its processes, questions for its role."""
    with alone():
        found = rest.measure(NODES, seconds)
        versions = commands.versions(NODES[0])
    console.print(tables.rest(found))
    end("rest", rest.judge(found), rest.as_json(found), versions, json_file)


@bench.command("throughput")
@click.option("--turns", default=40, type=click.IntRange(min=3), show_default=True, help="Of each.")
@JSON
def bench_throughput(turns: int, json_file: Path | None) -> None:
    """Measures sessions through HAProxy on a standby's node: ours, a plain one, and past both."""
    with alone():
        primary = named(commands.status(NODES[0]).promoted(Settings().pgsql_clone) or "")
        node = next(each for each in reversed(NODES) if each is not primary)
        found = throughput.measure(node, primary, turns)
        versions = commands.versions(node)
    end(
        "throughput",
        throughput.judge(found),
        throughput.as_json(found, node.name, turns),
        versions,
        json_file,
    )


@bench.command("pooler")
@click.option("--turns", default=5, type=click.IntRange(min=3), show_default=True, help="Of each.")
@JSON
def bench_pooler(turns: int, json_file: Path | None) -> None:
    """Measures a switchover with the agent's control of PgBouncer, and without it."""
    found = pooler.measure(turns, pooler.drill_switchover, console.print)
    end(
        "pooler", pooler.judge(found), pooler.as_json(found), commands.versions(NODES[0]), json_file
    )


@bench.command("dirty")
@click.option("--turns", default=3, type=click.IntRange(min=1), show_default=True, help="Of each.")
@JSON
def bench_dirty(turns: int, json_file: Path | None) -> None:
    """Measures switchovers of a primary with 1 GB to write back, and with slow disks."""
    now = datetime.now(timezone.utc)
    directory = STATE / "drills" / f"dirty-{now:%Y%m%dT%H%M%S.%fZ}"
    with alone():
        found = dirty.measure(turns, directory, console)
        versions = commands.versions(NODES[0], ("paf-haproxy",))
    end("dirty", dirty.judge(found), dirty.as_json(found), versions, json_file)


@bench.command("beside")
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--turns", default=5, type=click.IntRange(min=3), show_default=True)
@click.option("--part", "parts", multiple=True, type=click.Choice(list(beside.PARTS)))
@JSON
def bench_beside(
    checkout: Path, turns: int, parts: tuple[str, ...], json_file: Path | None
) -> None:
    """Measures another commit beside this one: CHECKOUT, for example made with `git worktree add`.

    Each commit gets a lab of its own. Both run at the same time, and are measured in turn. The lab
    itself must be down.
    """
    checkout = checkout.resolve()
    commits = {beside.OLD: commit(checkout), beside.NEW: commit(REPO)}
    beside.refuse_a_third_lab(node.name for node in NODES if node.running)
    wanted = parts or list(beside.PARTS)
    with beside.lab_of(checkout, beside.OLD) as old, beside.lab_of(REPO, beside.NEW) as new:
        found, versions = beside.measure(old, new, wanted, turns, console.print)
    end("beside", beside.judge(found), beside.as_json(found, commits), versions, json_file)


def end(
    name: str,
    findings: Sequence[Finding],
    figures: Mapping[str, Any],
    versions: Mapping[str, str],
    json_file: Path | None,
) -> None:
    """Shows the verdict, writes it with its figures, and exits with 0 if it is good."""
    console.print(report.finding_table(findings))
    passed = all(finding.passed for finding in findings)
    if json_file is not None:
        measured = click.get_current_context().obj
        head = {"bench": name, **measured, "passed": passed, "versions": versions}
        verdicts = [vars(finding) for finding in findings]
        text = json.dumps({**head, "findings": verdicts, **figures}, indent=1)
        json_file.write_text(text + "\n")
    sys.exit(0 if passed else 1)
