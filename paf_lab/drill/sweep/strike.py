"""One switchover of a sweep: a process is killed at a moment after the pre-demote notification."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
from collections.abc import Collection
from dataclasses import dataclass, replace

from ...errors import LabError
from .. import service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..faults.switchover import Switchover
from ..figures import acknowledged
from ..programs import CLIENTS
from ..stage import Stage
from .victims import Victim

NOTIFIED = "pre-demote: "
"""How the line begins that the agent logs."""
PATIENCE = 2.0
"""s after the moment in which a process that is found by its command line may begin."""
READY = 1.0  # s until the program in the node follows the journal
STRUCK_WITHIN = 60.0  # s
SETTLED_WITHIN = 90.0  # s
SCORED_WITHIN = 16.0
"""s: PAF's monitor sets the scores every 15 s. The constraint of the move stays for that long."""
PROGRAM_SECONDS = 90
WITHOUT_PRIMARY = "without a primary"


@dataclass(frozen=True)
class Blow:
    """What the program in the node tells. struck: s from the notification to the kill, None if
    there was nothing to kill.
    """

    struck: float | None
    pid: int | None = None


def blow(line: str) -> Blow | None:
    """Reads the program's line; None if it has told nothing. Pure."""
    if not line.strip():
        return None
    told = json.loads(line)
    if told["struck"] is None:
        return Blow(None)
    return Blow(told["struck"] - told["notified"], told["pid"])


class Strike(Switchover):
    """The switchover may be carried out, called off, or end on a third node: the primary may be
    any, and there may never be two.
    """

    moves = None
    clearings = 2
    pooled = False
    with_ratio = False
    reader_gap = 25.0
    deadline = 180.0

    def __init__(self, victim: Victim, offset: float) -> None:
        """offset: s after the notification."""
        super().__init__()
        self.victim = victim
        self.offset = offset
        self.name = f"sweep-{victim.name}"
        self.summary = f"SIGKILL of {victim.text}, {offset * 1000:.0f} ms after the notification"
        self.gap, self.failed = victim.gap, None
        self.fencings, self.repairs = victim.fencings, victim.repairs
        self.blow: Blow | None = None
        self._where = ""
        self._program: subprocess.Popen[str] | None = None

    def expected(self, stage: Stage) -> None:  # type: ignore[override]
        super().expected(stage)
        self._where = self.victim.place(stage, self._target)

    def breaks(self, stage: Stage) -> Collection[str]:
        return (self._where or stage.primary,)

    def prepare(self, stage: Stage) -> None:
        node = stage.nodes[self._where]
        find = self.victim.process
        settings = {
            "notified": NOTIFIED,
            "offset": self.offset,
            "pid": find(stage, self._where) if find else None,
            "pattern": self.victim.pattern,
            "patience": PATIENCE,
            "seconds": PROGRAM_SECONDS,
        }
        source = (CLIENTS / "strike.py").read_text()
        pipe = subprocess.PIPE
        self._program = node.popen("python3", "-c", source, stdin=pipe, stdout=pipe)
        if self._program.stdin is not None:
            self._program.stdin.write(json.dumps(settings) + "\n")
            self._program.stdin.flush()
        stage.say(self.summary, node.name)
        stage.rest(READY)

    def follow(self, stage: Stage) -> None:
        stage.wait(self._waits, STRUCK_WITHIN)
        stage.wait(lambda: self._unsettled(stage), SETTLED_WITHIN, every=1)
        with contextlib.suppress(LabError):  # a failure on record, which `undo` leaves to the end
            stage.await_healthy(moving=True, within=SCORED_WITHIN)

    def _waits(self) -> str:
        ended = self._program is None or self._program.poll() is not None
        return "" if ended else f"no {NOTIFIED.strip()} on {self._where}"

    @staticmethod
    def _unsettled(stage: Stage) -> str:
        """Returns why the switchover is not over, in whatever way it ends."""
        try:
            now = stage.snapshot()
        except LabError as error:
            return str(error)
        leads = now.status.promoted(stage.settings.pgsql_clone)
        if leads is None:
            return "no node is promoted"
        return stage.unrouted(leads) or ("" if now.idle else "Pacemaker is not idle")

    def undo(self, stage: Stage) -> None:
        try:
            super().undo(stage)
        finally:
            self._collect()

    def _collect(self) -> None:
        """Ends the program, if it still waits, and takes what it has told."""
        if self._program is None:
            return
        if self._program.poll() is None:
            self._program.kill()
        out, _ = self._program.communicate(timeout=10)
        self.blow = blow(out)

    def judge(self, evidence: Evidence) -> list[Finding]:
        seen = evidence.seen
        if self.victim.elsewhere:
            others = (each for each in seen.attempts if each.node != self._where)
            seen = replace(seen, attempts=tuple(others))
        failed = service.new_connections(replace(evidence, seen=seen), self.victim.failed)
        return [
            *Drill.judge(self, evidence),
            failed,
            without_primary(evidence, self.victim.away),
        ]

    def fault(self, evidence: Evidence) -> Finding:
        """The process was killed. A blow before its moment would be another moment's."""
        struck = None if self.blow is None else self.blow.struck
        if struck is None:
            return witness.witness(False, "nothing was killed")
        value = f"killed {struck * 1000:.0f} ms after the notification"
        return witness.witness(struck >= self.offset, value)


def away(evidence: Evidence) -> float:
    """Returns the longest time after the event in which no write of any client was acknowledged, in
    s; infinity if there were none.
    """
    ends = sorted(each.end for each in acknowledged(evidence.seen.attempts))
    late = [pair for pair in zip(ends, ends[1:]) if pair[1] >= evidence.started]
    return max((until - since for since, until in late), default=math.inf)


def without_primary(evidence: Evidence, limit: float) -> Finding:
    """Some client wrote again soon, through any node."""
    longest = away(evidence)
    passed = longest <= limit * evidence.slowness
    return Finding(WITHOUT_PRIMARY, passed, f"{longest:.1f} s", f"{limit:g} s")
