"""What a switchover costs if the primary has much to write back, or writes slowly: with
`paf-haproxy switchover`, which runs CHECKPOINT first, and with a plain `crm_resource --move`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from .. import disk, postgresql
from ..drill import commands, report
from ..drill.audits import Finding
from ..drill.faults.pooler import SwitchoverCommand
from ..drill.faults.switchover import Switchover
from ..drill.figures import median
from ..drill.run import perform
from ..drill.stage import Stage
from ..drill.target import LabTarget
from ..errors import LabError
from ..node import named

IDLE, DIRTY, SLOW = "idle", "dirty buffers", "slow disk"
COMMAND, MOVE = "paf-haproxy switchover", "crm_resource --move"
LONGER = 1.3
"""How many times the idle outage the outage may be."""
PAGES = 140000
"""A little more than 1 GB, in pages of 8 kB: PostgreSQL may write some of them back meanwhile."""
LEAST = 1 << 30  # bytes
RATE, OPERATIONS = 60 << 20, 600  # of the slow disk: bytes and operations a second
SETTINGS = """shared_buffers = 1400MB
checkpoint_timeout = 1h
max_wal_size = 900MB
bgwriter_lru_maxpages = 0
full_page_writes = off
"""
"""Nothing is written before it must be. With full pages, the WAL alone would be 1 GB."""
# Two rows a page, and room for the new version of one: an UPDATE of every second row changes every
# page, and the table does not grow.
MAKE = f"""SET synchronous_commit = local;
DROP TABLE IF EXISTS dirty;
CREATE EXTENSION IF NOT EXISTS pg_buffercache;
CREATE TABLE dirty (n int, changed int, filler text) WITH (fillfactor = 50);
ALTER TABLE dirty ALTER COLUMN filler SET STORAGE PLAIN;
INSERT INTO dirty SELECT n, 0, repeat('x', 1800) FROM generate_series(1, {2 * PAGES}) AS n;
CHECKPOINT;
"""  # noqa: S608 - a number of ours
CHANGE = """SET synchronous_commit = local;
UPDATE dirty SET changed = changed + 1 WHERE n % 2 = 0;
"""
COUNT = "SELECT count(*) * 8192 FROM pg_buffercache WHERE isdirty;"
DROP = "DROP TABLE IF EXISTS dirty; DROP EXTENSION IF EXISTS pg_buffercache;"


@dataclass(frozen=True)
class Turn:
    """burden, way: what was measured. outage: s without writes, of the worst client. dirty: bytes
    that were to be written back when the switchover began.
    """

    burden: str
    way: str
    outage: float
    dirty: int


class Burdened(Switchover):
    """A switchover under a burden, which is there when the clients work already."""

    with_ratio = False  # PostgreSQL's absence is what is measured
    deadline = 180.0

    def __init__(self, burden: str) -> None:
        super().__init__()
        self.burden = burden
        self.dirty = 0

    def prepare(self, stage: Stage) -> None:
        super().prepare(stage)
        primary = stage.nodes[stage.primary]
        if self.burden == DIRTY:
            stage.say("1 GB of pages is changed", stage.primary)
            commands.psql(primary, stage.settings, CHANGE)
        if self.burden == SLOW:
            stage.say(f"every disk takes {RATE >> 20} MB and {OPERATIONS} operations a second")
            for name in stage.names:
                disk.slow_down(name, named(name).mount, RATE, OPERATIONS)
        self.dirty = int(commands.psql(primary, stage.settings, COUNT))
        stage.say(f"{self.dirty >> 20} MB are to be written back", stage.primary)
        stage.rest(2)

    def undo(self, stage: Stage) -> None:
        super().undo(stage)
        for name in stage.names:
            disk.speed_up(name)


class BurdenedCommand(Burdened, SwitchoverCommand):
    """The same with our command."""


CASES: tuple[tuple[str, str, type[Burdened]], ...] = (
    (IDLE, COMMAND, BurdenedCommand),
    (DIRTY, COMMAND, BurdenedCommand),
    (DIRTY, MOVE, Burdened),
    (SLOW, COMMAND, BurdenedCommand),
    (SLOW, MOVE, Burdened),
)


def measure(turns: int, directory: Path, console: Console) -> list[Turn]:
    """Runs every case in every turn. Raises LabError if a switchover did not come to its end."""
    target = LabTarget()
    target.check()
    found = []
    with postgresql.settings(SETTINGS):
        leads = named(postgresql.primary())
        commands.psql(leads, target.settings, MAKE)
        try:
            for turn in range(1, turns + 1):
                for burden, way, what in CASES:
                    title = f"{burden}, {way} {turn}/{turns}"
                    found.append(_one(title, what(burden), way, target, directory, console))
        finally:
            commands.psql(named(postgresql.primary()), target.settings, DROP)
    return found


def _one(
    title: str, what: Burdened, way: str, target: LabTarget, directory: Path, console: Console
) -> Turn:
    place = directory / title.replace("/", "-of-")
    with report.LiveView(console, title) as view:
        run = perform(what, 1, target, place, view)
    if run.evidence.trouble or run.worst is None:
        raise LabError(f"{title}: {run.evidence.trouble or 'no change of primary seen'}")
    console.print(f"{title}: {run.worst.length:.3f} s, {what.dirty >> 20} MB", markup=False)
    return Turn(what.burden, way, run.worst.length, what.dirty)


def judge(found: Sequence[Turn]) -> list[Finding]:
    """Returns the verdict: of our command; what a plain move costs is told. Pure."""
    outages: dict[tuple[str, str], list[float]] = defaultdict(list)
    for each in found:
        outages[each.burden, each.way].append(each.outage)
    medians = {case: median(values) for case, values in outages.items()}
    idle = medians[IDLE, COMMAND]
    findings = []
    for burden in (DIRTY, SLOW):
        value = medians[burden, COMMAND] / idle
        plain = medians[burden, MOVE] / idle
        detail = (
            f"median {medians[burden, COMMAND]:.2f} s of {len(outages[burden, COMMAND])}, idle"
            f" {idle:.2f} s; plain move {medians[burden, MOVE]:.2f} s, {plain:.2f} times"
        )
        name = f"outage with {burden} / idle"
        findings.append(Finding(name, value <= LONGER, f"{value:.2f}", f"{LONGER:g}", detail))
    least = min(each.dirty for each in found if each.burden == DIRTY)
    name = "bytes to be written back with dirty buffers"
    findings.append(Finding(name, least >= LEAST, f"{least >> 20} MB", f"{LEAST >> 20} MB"))
    return findings


def as_json(found: Sequence[Turn]) -> dict[str, Any]:
    return {
        "disk": {"bytes_per_s": RATE, "operations_per_s": OPERATIONS},
        "turns": [asdict(each) for each in found],
    }
