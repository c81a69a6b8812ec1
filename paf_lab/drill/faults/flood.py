"""A switchover in the middle of a flood of questions for the role."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection

from ...errors import LabError
from .. import answers, witness
from ..answers import Answer
from ..audits import Evidence, Finding
from ..programs import CLIENTS
from ..stage import Stage
from .switchover import Switchover

RATE = 10_000  # connections a second that are tried for
SECONDS = 30
BEFORE = 10.0  # s of flood before the switchover
STATE_PORT, REST_PORT = 5431, 8008


class Flood(Switchover):
    """From one node onto ports 5431 and 8008 of all of them. What the machine bears of it is told;
    clients must not notice, and every answer must be a right one.
    """

    name = "flood"
    gap = 12.0
    pooled = False
    summary = "switchover while 5431 and 8008 of all nodes are flooded with connections"
    with_ratio = False  # the flood takes the processors
    deadline = 150.0

    def __init__(self) -> None:
        super().__init__()
        self._flood: subprocess.Popen[str] | None = None
        self._counts: dict[str, float] = {}
        self._answers: tuple[Answer, ...] = ()

    def breaks(self, stage: Stage) -> Collection[str]:
        return stage.names

    def prepare(self, stage: Stage) -> None:
        node = stage.nodes[self._target]
        stage.say(f"flood of {RATE} connections a second", node.name)
        targets = [
            (address, port, port == REST_PORT)
            for address in stage.addresses.values()
            for port in (STATE_PORT, REST_PORT)
        ]
        settings = {"targets": targets, "rate": RATE, "seconds": SECONDS, "processes": 2}
        source = (CLIENTS / "flood.py").read_text()
        self._flood = node.popen(
            "python3", "-c", source, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if self._flood.stdin is not None:
            self._flood.stdin.write(json.dumps(settings) + "\n")
            self._flood.stdin.flush()
        stage.rest(BEFORE)

    def undo(self, stage: Stage) -> None:
        super().undo(stage)
        if self._flood is None:
            return
        try:
            out, _ = self._flood.communicate(timeout=SECONDS + 30)
        except subprocess.TimeoutExpired as error:
            self._flood.kill()
            raise LabError("the flood does not end") from error
        if not out.strip():
            raise LabError("the flood told nothing")
        told = json.loads(out)
        names = {address: name for name, address in stage.addresses.items()}
        self._answers = tuple(answers.read(row, names) for row in told.pop("answers", []))
        self._counts = told
        rate = self._counts["opened"] / self._counts["seconds"]
        stage.say(
            f"the flood is over: {self._counts['opened']:.0f} connections, {rate:.0f} a second"
        )

    def fault(self, evidence: Evidence) -> Finding:
        """Every node was asked at the time of the switchover."""
        change = evidence.change
        asked = {
            each.node
            for each in self._answers
            if change is not None and evidence.started <= each.ended <= change.out_of_recovery
        }
        value = f"{len(asked)} of {len(evidence.addresses)} nodes answered the flood meanwhile"
        flooded = witness.witness(asked == set(evidence.addresses), value)
        return witness.every(super().fault(evidence), flooded)

    def judge(self, evidence: Evidence) -> list[Finding]:
        opened = int(self._counts.get("opened", 0))
        wrong = int(self._counts.get("wrong", 0))
        failed = int(self._counts.get("failed", 0))
        rate = opened / self._counts["seconds"] if opened else 0
        return [
            *super().judge(evidence),
            Finding("flood, connections a second", opened > 0, f"{rate:.0f}", "told"),
            Finding("flood, wrong answers", wrong == 0 < opened, f"{wrong} of {opened}", "0"),
            answers.true_roles(evidence, self._answers),
            Finding("flood, unanswered", opened > 0, f"{failed} of {opened}", "told"),
        ]
