"""`lab migrate`: from what one had before to this project, typed as docs/operations.md says, with
clients at work.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

import click

from . import agent, handbook, layout, lifecycle, topology
from .compare import trial
from .compare.faults import Fault
from .compare.figures import Trial
from .compare.report import finite
from .drill import commands
from .drill.audits import Finding
from .drill.cli import FILE, console
from .drill.report import LiveView, finding_table
from .drill.series import RECORDS
from .drill.stage import Stage
from .drill.target import LabTarget
from .handbook import Block
from .lock import alone
from .node import NODES, Node
from .provenance import stamp
from .shell import together
from .topology import DEFAULT, Topology
from .topology.documented import bring_package, type_block

SECTIONS = {"state-socket": "Migrating from the polled setup", "vip": "Migrating from a virtual IP"}
PATIENT = 3.0  # s between two restarts of HAProxy


class Typed(Fault):
    """Some of the page's blocks, one after another."""

    def __init__(self, name: str, blocks: Sequence[Block]) -> None:
        self.name = name
        self.blocks = blocks

    def expected(self, stage: Stage, target: LabTarget) -> str:
        return stage.primary

    def inject(self, stage: Stage, target: LabTarget) -> None:
        for block in self.blocks:
            stage.say(block.intro.rpartition(". ")[2] or block.text.partition("\n")[0])
            type_block(block)


class Restart(Fault):
    """What the least of all changes costs: the measure for a migration."""

    name = "restart"
    summary = "systemctl restart haproxy, on one node after another"

    def expected(self, stage: Stage, target: LabTarget) -> str:
        return stage.primary

    def inject(self, stage: Stage, target: LabTarget) -> None:
        for node in NODES:
            stage.say("systemctl restart haproxy", node.name)
            node.run("systemctl", "restart", "haproxy")
            stage.rest(PATIENT)


@click.command()
@click.argument("name", type=click.Choice(list(SECTIONS)))
@click.option("--json", "json_file", type=FILE, help="Write the figures here.")
def migrate(name: str, json_file: Path | None) -> None:
    """Builds the lab up as NAME and takes it over to this project, as docs/operations.md says."""
    old, ours = topology.named(name), topology.named(DEFAULT)
    blocks = [each for each in handbook.blocks() if each.section == SECTIONS[name]]
    plan: list[tuple[Topology, Fault]]
    if old.haproxy:
        plan = [(old, Restart()), (old, Typed("migration", blocks))]
    else:
        plan = [(old, Typed("installation", blocks[:-1])), (ours, Typed("removal", blocks[-1:]))]
    directory = RECORDS / datetime.now(timezone.utc).strftime("migrate-%Y%m%dT%H%M%SZ")
    found: list[Trial] = []
    measured = stamp()
    with alone():
        lifecycle.down(purge=False)
        lifecycle.up(lambda text: console.status(f"{name}: {text}"), name)
        primary = old.primary() or ""
        forget(next(node for node in NODES if node.name == primary))
        for number, (what, fault) in enumerate(plan, start=1):
            with LiveView(console, f"{name}: {fault.name}") as view:
                place = directory / fault.name
                found.append(trial.perform(LabTarget(what), fault, number, place, view))
        lacking = ours.lacking()
        layout.TOPOLOGY.write_text(DEFAULT)
    findings = judge(found, lacking)
    console.print(finding_table(findings))
    if json_file is not None:
        facts = {
            "from": name,
            **measured,
            "findings": [vars(each) for each in findings],
            "versions": commands.versions(NODES[0]),
            "trials": [finite(asdict(each)) for each in found],
        }
        json_file.write_text(json.dumps(facts, indent=1) + "\n")
    sys.exit(0 if all(each.passed for each in findings) else 1)


def forget(primary: Node) -> None:
    """Takes away what the lab puts onto every node: the package, and HAProxy's role."""
    together(_forget, NODES)
    commands.psql(primary, topology.named(DEFAULT).access, "DROP ROLE IF EXISTS haproxy")


def _forget(node: Node) -> None:
    node.run("dpkg", "--purge", "paf-haproxy")
    (node.root / agent.MARK).unlink(missing_ok=True)
    node.run("sed", "-i", "/ haproxy .*peer$/d", f"{layout.PGDATA}/pg_hba.conf")
    node.run(f"{layout.PGBIN}/pg_ctl", "-D", layout.PGDATA, "reload", user="postgres")
    bring_package(node)


def judge(found: Sequence[Trial], lacking: str) -> list[Finding]:
    """Returns the verdict: nothing misrouted or lost, and no more failed than by restarts. Pure."""
    findings = [Finding("this project's, and whole", not lacking, lacking or "yes", "yes")]
    restarts = sum(each.failed for each in found if each.drill == Restart.name)
    for each in found:
        # What came before is told: a HAProxy that has just begun takes all its servers for up.
        before = each.drill == Restart.name
        counts = (
            ("new connections refused, failed or lost", each.failed, each.connections, restarts),
            ("writes sent to a standby", each.misrouted, each.writes, 0),
            ("acknowledged rows lost", each.lost, each.acknowledged, 0),
            ("writes acknowledged on two timelines", each.two_primaries, each.acknowledged, 0),
        )
        passed = not each.trouble
        findings.append(Finding(f"{each.drill}: done", passed, each.trouble or "yes", "yes"))
        for name, bad, among, most in counts:
            good = among > 0 and (before or bad <= most)
            bar = "told" if before else str(most)
            findings.append(Finding(f"{each.drill}: {name}", good, f"{bad} of {among}", bar))
    return findings
