"""The same losses of a node with asynchronous replication.

A commit is acknowledged before any standby has it, so rows that the lost node acknowledged last may
be lost. They are counted and told, not judged. What stays strict: no write is acknowledged by two
primaries, or on two timelines.
"""

from __future__ import annotations

from dataclasses import replace

from .. import audits, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage
from .alter import alter, reset, shown
from .network import Isolate, OneWay
from .power import PowerOffPrimary

SETTING = "synchronous_standby_names"
NOT_JUDGED = "told"
REFUSED = 5
"""Times that a client may be refused. The standbys differ, so PAF may refuse the candidate that
Pacemaker chose, take the other, and restart the first. For about a second no standby serves
readers, who ask every 0.25 s.
"""


class Asynchronous(Drill):
    """The setting is emptied on every node, so that the next primary has it, too."""

    def __init__(self) -> None:
        super().__init__()
        self._setting: str | None = None

    def prepare(self, stage: Stage) -> None:
        super().prepare(stage)
        stage.say(f"{SETTING} = ''")
        for node in stage.nodes.values():
            alter(stage, node, SETTING, "")
        stage.wait(lambda: self._synchronous(stage), within=10)

    def _synchronous(self, stage: Stage) -> str:
        self._setting = shown(stage, stage.nodes[stage.primary], SETTING)
        return f"{stage.primary} still waits for {self._setting}" if self._setting else ""

    def undo(self, stage: Stage) -> None:
        try:
            super().undo(stage)
        finally:
            self._take_back(stage)

    def finish(self, stage: Stage) -> None:
        """A node that was off has the setting still, unless its instance was made anew."""
        super().finish(stage)
        self._take_back(stage)

    @staticmethod
    def _take_back(stage: Stage) -> None:
        for node in stage.nodes.values():
            reset(stage, node, SETTING)

    def judge(self, evidence: Evidence) -> list[Finding]:
        lost = audits.lost_rows(evidence)
        told = replace(lost, passed=lost.value != "0 of 0", bar=NOT_JUDGED)
        return [told if each.name == lost.name else each for each in super().judge(evidence)]

    def fault(self, evidence: Evidence) -> Finding:
        """Replication was asynchronous, and the fault itself took place."""
        without = self._setting == ""
        value = f"replication was {'a' if without else ''}synchronous"
        return witness.every(super().fault(evidence), witness.witness(without, value))


class IsolateAsync(Asynchronous, Isolate):
    """The primary that is alone goes on acknowledging writes of its own node's clients until it is
    fenced. The others promote only after that, so there are never two.
    """

    name = "isolate-async"
    failed = REFUSED
    summary = "isolate with asynchronous replication: rows may be lost, two primaries never"


class OneWayAsync(Asynchronous, OneWay):
    """The same, and the primary's node hears the others meanwhile: it may stop PostgreSQL itself
    before it is fenced.
    """

    name = "one-way-async"
    failed = REFUSED
    summary = "one-way with asynchronous replication: rows may be lost, two primaries never"


class PowerOffAsync(Asynchronous, PowerOffPrimary):
    """Rows that no standby had received when the power went are lost."""

    name = "poweroff-async"
    failed = REFUSED
    summary = "poweroff with asynchronous replication: rows may be lost, two primaries never"
