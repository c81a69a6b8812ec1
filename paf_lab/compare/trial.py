"""One fault, once, on one topology: from whole to whole, and what clients saw of it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from ..drill import runner
from ..drill.phases import PLANNED, phases
from ..drill.runner import Aftermath
from ..drill.stage import Stage, View
from ..drill.target import LabTarget
from ..errors import LabError
from . import figures
from .faults import WHOLE_WITHIN, Fault
from .figures import Trial
from .machine import Meter
from .retries import label


def perform(target: LabTarget, fault: Fault, number: int, directory: Path, view: View) -> Trial:
    """Runs a fault once. Raises LabError if it cannot even begin; what goes wrong after the event
    is part of the figures.
    """
    topology = target.topology
    with fault.arranged(target), Meter() as meter:
        seen = runner.perform(TrialProcedure(target, fault), target, directory, view)
    drill = label(fault.name, target.settings.retry_pause)
    found = figures.trial(
        topology.name, drill, number, seen.evidence, topology.haproxy, meter.samples
    )
    planned = phases(seen.events, seen.evidence.started, PLANNED)
    return replace(found, phases=planned)


class TrialProcedure:
    """How a fault is tried: clients' ways are tried out to see whether the topology is whole; some
    have no Pacemaker to ask. If the fault goes wrong, the topology is made whole all the same.
    """

    def __init__(self, target: LabTarget, fault: Fault) -> None:
        self._target = target
        self._topology = target.topology
        self._fault = fault
        self._wanted: str | None = None

    def check(self, stage: Stage) -> None:
        # Before anything is watched: the programs end after a while, and this may take long.
        self._topology.await_whole(WHOLE_WITHIN)
        self._topology.forget()

    def begin(self, stage: Stage) -> None:
        stage.primary = self._topology.primary() or ""
        stage.fail_if(not stage.primary, f"{self._topology.name} has no primary, or two")
        self._wanted = self._fault.expected(stage, self._target)

    def bring_about(self, stage: Stage) -> str:
        try:
            self._fault.prepare(stage, self._target)
        except LabError as error:  # nothing has been done to the cluster
            self._wanted = None
            return str(error)
        stage.started = time.time()
        trouble = ""
        for work in (self._fault.inject, self._fault.undo):
            try:
                work(stage, self._target)
            except LabError as error:
                trouble = trouble or str(error)
        return trouble

    def await_whole(self, stage: Stage) -> None:
        self._topology.await_whole(WHOLE_WITHIN, rest=stage.rest)
        primary = self._topology.primary()
        if self._wanted not in (None, primary):
            raise LabError(f"{primary} is primary, not {self._wanted}")

    def finish(self, stage: Stage) -> None:
        pass

    def expected(self, stage: Stage) -> str:
        return self._topology.primary() or stage.primary

    def look_round(self, stage: Stage) -> Aftermath:
        return Aftermath()
