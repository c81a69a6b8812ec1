"""A thousand clients that have lost the primary connect again at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection
from typing import Any

from ...errors import LabError
from .. import witness
from ..audits import Evidence, Finding
from ..programs import CLIENTS
from ..records import UP
from ..stage import Stage
from .switchover import Switchover

CONNECTIONS = 1000
SECONDS = 60
"""Longest that a storm lasts, s."""
LEAVES_WITHIN = 30.0
"""s until HAProxy leads nobody to the old primary any more."""
COUNTS = ("opened", "answered", "misrouted", "failed", "waiting")


class ReconnectStorm(Switchover):
    """They come when the old primary has left the pool, and all of them wait for the next one. It
    has far fewer slots than that: HAProxy hands out what there is, the others wait their turn, and
    none is refused with "too many clients". Standbys and the role ports have places of their own.
    """

    name = "reconnect-storm"
    gap = 20.0  # a thousand logins are 8 s of CPU time
    reader_gap = 10.0
    pooled = False
    summary = "switchover, and 1000 clients connect again at once: all are served"
    with_ratio = False  # the storm takes the processors
    deadline = 150.0

    def __init__(self, to: str | None = None) -> None:
        super().__init__(to)
        self._programs: dict[str, subprocess.Popen[str]] = {}
        self._told: dict[str, dict[str, Any]] = {}

    def breaks(self, stage: Stage) -> Collection[str]:
        return stage.names

    def prepare(self, stage: Stage) -> None:
        source = (CLIENTS / "storm.py").read_text()
        share = -(-CONNECTIONS // len(stage.nodes))
        for name, node in stage.nodes.items():
            values = stage.settings.clients(name, stage.password)
            connect = {**values["connect"], "port": values["prod_port"]}
            settings = {"connect": connect, "count": share, "seconds": SECONDS}
            pipe = subprocess.PIPE
            program = node.popen("python3", "-c", source, stdin=pipe, stdout=pipe)
            self._programs[name] = program
            self._write(program, json.dumps(settings))

    @staticmethod
    def _write(program: subprocess.Popen[str], line: str) -> None:
        if program.stdin is not None:
            program.stdin.write(f"{line}\n")
            program.stdin.flush()

    def follow(self, stage: Stage) -> None:
        leaves = f"prod/{stage.primary}"
        stage.wait(
            lambda: "" if (stage.servers[stage.primary] or {}).get(leaves) != UP else
            f"HAProxy still leads to {stage.primary}", within=LEAVES_WITHIN,
        )  # fmt: skip
        stage.say(f"{CONNECTIONS} connections at once")
        for program in self._programs.values():
            self._write(program, "go")
        super().follow(stage)

    def undo(self, stage: Stage) -> None:
        try:
            super().undo(stage)
        finally:
            self._collect(stage)

    def _collect(self, stage: Stage) -> None:
        """Ends the programs. Raises LabError if one does not end."""
        for name, program in self._programs.items():
            try:
                out, _ = program.communicate(timeout=SECONDS + 30)
            except subprocess.TimeoutExpired as error:
                program.kill()
                raise LabError(f"{name}: the storm does not end") from error
            if out.strip():
                self._told[name] = json.loads(out)
        if self._told:
            counts = self._counts()
            stage.say(f"the storm is over: {counts['answered']} of {counts['opened']} answered")

    def _counts(self) -> dict[str, int]:
        return {name: sum(int(told[name]) for told in self._told.values()) for name in COUNTS}

    def judge(self, evidence: Evidence) -> list[Finding]:
        counts = self._counts()
        opened = counts["opened"]
        errors = [text for told in self._told.values() for text in told["errors"]]
        answered = f"{counts['answered']} of {opened}"
        longest = max((float(told["longest"]) for told in self._told.values()), default=0.0)
        served = 0 < opened == counts["answered"]
        misrouted = f"{counts['misrouted']} of {opened}"
        return [
            *super().judge(evidence),
            Finding("storm, answered", served, answered, "all", "; ".join(errors[:3])),
            Finding("storm, misrouted", counts["misrouted"] == 0 < opened, misrouted, "0"),
            Finding("storm, longest wait", opened > 0, f"{longest:.1f} s", "told"),
        ]

    def fault(self, evidence: Evidence) -> Finding:
        waiting = self._counts()["waiting"]
        value = f"{waiting} connections waited at a time"
        storm = witness.witness(waiting >= CONNECTIONS / 2, value)
        return witness.every(super().fault(evidence), storm)
