"""`lab migrate`: from what one had before to this project, typed as docs/operations.md says, with
clients at work.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from . import agent, layout, lifecycle, topology
from .compare import trial
from .compare.faults import Fault
from .compare.figures import Trial
from .compare.report import finite
from .drill import commands
from .drill.audits import Finding
from .drill.cli import FILE, console
from .drill.report import LiveView, finding_table
from .drill.series import RECORDS
from .drill.target import LabTarget
from .lock import alone
from .migration import MEASURES, WAYS, Typed, Way
from .node import NODES, Node, named
from .provenance import stamp
from .shell import together
from .topology import DEFAULT, Topology
from .topology.documented import Documented, bring_package

CLOCK = "clock"  # the name of a check of paf-haproxy check
LONGER = 10.0
"""s that a write outage may exceed that of a restart of PostgreSQL: HAProxy takes over the port."""


@click.command()
@click.argument("name", type=click.Choice(list(WAYS)))
@click.option("--json", "json_file", type=FILE, help="Write the figures here.")
def migrate(name: str, json_file: Path | None) -> None:
    """Builds the lab up as NAME and takes it over to this project, as docs/operations.md says."""
    way = WAYS[name]
    old, ours = topology.named(way.start), topology.named(DEFAULT)
    directory = RECORDS / datetime.now(timezone.utc).strftime("migrate-%Y%m%dT%H%M%SZ")
    found: list[Trial] = []
    measured = stamp()
    with alone():
        lifecycle.down(purge=False)
        lifecycle.up(lambda text: console.status(f"{name}: {text}"), way.start)
        if old.provisioned:
            forget(named(old.primary() or ""), old)
        since: dict[str, float] = {}
        for number, (what, fault) in enumerate(plan(way, old, ours), start=1):
            since[fault.name] = time.time()
            with LiveView(console, f"{name}: {fault.name}") as view:
                place = directory / fault.name
                found.append(trial.perform(LabTarget(what), fault, number, place, view))
        lacking = ours.lacking()
        checks = {node.name: checked(node) for node in NODES}
        starts = {node.name: started(node, since["migration"]) for node in NODES}
        layout.TOPOLOGY.write_text(DEFAULT if old.provisioned else Documented.name)
    findings = [
        *judge(found, lacking, way.direct),
        *restarts(starts, way.copies),
        *reported(checks),
    ]
    console.print(finding_table(findings))
    if json_file is not None:
        facts = {
            "from": name,
            **measured,
            "findings": [vars(each) for each in findings],
            "versions": commands.versions(NODES[0]),
            "trials": [finite(asdict(each)) for each in found],
            "check": checks,
        }
        json_file.write_text(json.dumps(facts, indent=1) + "\n")
    sys.exit(0 if all(each.passed for each in findings) else 1)


def plan(way: Way, old: Topology, ours: Topology) -> list[tuple[Topology, Fault]]:
    """Returns what is done, and how clients reach PostgreSQL meanwhile. Pure."""
    blocks = way.blocks()
    steps: list[tuple[Topology, Fault]] = [(old, way.measure)]
    if not way.removal:
        return [*steps, (old, Typed("migration", blocks))]
    return [*steps, (old, Typed("migration", blocks[:-1])), (ours, Typed("removal", blocks[-1:]))]


def forget(primary: Node, old: Topology) -> None:
    """Takes away what the lab puts onto every node: the package, and HAProxy's role."""
    together(_forget, NODES)
    commands.psql(primary, old.access, "DROP ROLE IF EXISTS haproxy")


def _forget(node: Node) -> None:
    node.run("dpkg", "--purge", "paf-haproxy")
    (node.root / agent.MARK).unlink(missing_ok=True)
    node.run("sed", "-i", "/ haproxy .*peer$/d", f"{layout.PGDATA}/pg_hba.conf")
    node.run(f"{layout.PGBIN}/pg_ctl", "-D", layout.PGDATA, "reload", user="postgres")
    bring_package(node)


def checked(node: Node) -> dict[str, Any]:
    """Returns what `paf-haproxy check` says on a node, or why it says nothing, in "error"."""
    done = node.run("paf-haproxy", "check", "--json", check=False, timeout=90)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"error": (done.stderr or done.stdout).strip()[-200:] or "no answer", "checks": []}
    return found


def started(node: Node, since: float) -> int:
    """Returns how often PostgreSQL has started on a node since then (s of the epoch)."""
    words = ("journalctl", "--identifier=postgres", f"--since=@{int(since)}", "--output=cat")
    return node.run(*words, check=False).stdout.count("starting PostgreSQL")


def restarts(starts: Mapping[str, int], copies: Sequence[str]) -> Iterator[Finding]:
    """Yields whether PostgreSQL was restarted once on each node. copies: the nodes on which the
    first start is of a new instance. Pure.
    """
    for node, count in starts.items():
        times = count - (node in copies)
        yield Finding(f"migration: restarts of PostgreSQL on {node}", times == 1, str(times), "1")


def reported(checks: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Yields what `paf-haproxy check` reports on each node. A fact that is not known is no finding.
    The clock is none either: the nodes share that of their host, and nothing in them sets it. Pure.
    """
    for node, document in checks.items():
        bad = [
            f"{each['name']}: {each['text']}"
            for each in document["checks"]
            if each["outcome"] != "ok"
            and each["name"] != CLOCK
            and not each["text"].startswith("not known")
        ]
        bad += [document["error"]] if "error" in document else []
        passed = not bad and bool(document["checks"])
        yield Finding(
            f"paf-haproxy check on {node}", passed, "; ".join(bad) or "nothing", "nothing"
        )


def judge(found: Sequence[Trial], lacking: str, direct: bool = False) -> list[Finding]:
    """Returns the verdict: nothing misrouted or lost, and no more failed than by restarts. direct:
    clients went to PostgreSQL's own port. While it moves, they are refused: the time counts. Pure.
    """
    findings = [Finding("this project's, and whole", not lacking, lacking or "yes", "yes")]
    measures = [each for each in found if each.drill in MEASURES]
    limit = sum(each.failed for each in measures)
    longest = max((each.outage for each in measures), default=0.0) + LONGER
    for each in found:
        # What came before is told: a HAProxy that has just begun takes all its servers for up.
        before = each.drill in MEASURES
        moves = direct and each.drill == "migration"
        passed = not each.trouble
        findings.append(Finding(f"{each.drill}: done", passed, each.trouble or "yes", "yes"))
        if moves:
            good = each.outage <= longest
            name = "migration: longest without a write"
            findings.append(Finding(name, good, f"{each.outage:.1f} s", f"{longest:.1f} s"))
        for name, bad, among, most in (
            ("new connections refused, failed or lost", each.failed, each.connections, limit),
            ("writes sent to a standby", each.misrouted, each.writes, 0),
            ("acknowledged rows lost", each.lost, each.acknowledged, 0),
            ("writes acknowledged on two timelines", each.two_primaries, each.acknowledged, 0),
        ):
            told = before or (moves and name.startswith("new"))
            good = among > 0 and (told or bad <= most)
            bar = "told" if told else str(most)
            findings.append(Finding(f"{each.drill}: {name}", good, f"{bad} of {among}", bar))
    return findings
