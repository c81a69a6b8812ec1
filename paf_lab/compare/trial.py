"""One fault, once, on one topology: from whole to whole, and what clients saw of it."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from ..drill import records, table
from ..drill.audits import Evidence, Row
from ..drill.stage import Stage, View
from ..drill.target import LabTarget
from ..errors import LabError
from ..topology import Topology
from . import figures
from .faults import Fault
from .figures import Trial

WHOLE_WITHIN = 240.0  # s


def perform(topology: Topology, fault: Fault, number: int, directory: Path, view: View) -> Trial:
    """Runs a fault once. Raises LabError if it cannot even begin; what goes wrong after the event
    is part of the figures.
    """
    directory.mkdir(parents=True)
    stage = Stage(LabTarget(topology), directory, view)
    stage.say("wait until it is whole")
    stage.await_nodes()
    topology.await_whole(WHOLE_WITHIN)
    topology.forget()
    with stage.watched():
        stage.primary = topology.primary() or ""
        password = secrets.token_hex(16)
        table.make(stage.nodes[stage.primary], stage.settings, password)
        with stage.attended(password):
            stage.say("clients at work")
            stage.rest(stage.settings.warm_up)
            trouble = _event(stage, topology, fault)
            settled = time.time()
            stage.say(trouble or "whole again")
            stage.rest(stage.settings.cool_down)
        expected = topology.primary() or stage.primary
        rows, trouble = _rows(stage, expected, trouble)
    evidence = Evidence(
        seen=records.gather(stage.records),
        addresses=stage.addresses,
        clients=stage.clients,
        primary=stage.primary,
        expected=expected,
        started=stage.started,
        settled=settled,
        trouble=trouble,
        rows=rows,
        fencings=0,
        died=frozenset(stage.died),
    )
    return figures.trial(topology.name, fault.name, number, evidence, topology.haproxy)


def _event(stage: Stage, topology: Topology, fault: Fault) -> str:
    """Brings the event about and sees it through. Returns what went wrong, in one line."""
    trouble = ""
    wanted = fault.expected(stage, topology)
    stage.started = time.time()
    for work in (fault.inject, fault.undo):
        try:
            work(stage, topology)
        except LabError as error:
            trouble = trouble or str(error)
    try:
        topology.await_whole(WHOLE_WITHIN, rest=stage.rest)
        stage.await_clients()
    except LabError as error:
        trouble = trouble or str(error)
    if wanted not in (None, topology.primary()):
        trouble = trouble or f"{topology.primary()} is primary, not {wanted}"
    return trouble


def _rows(stage: Stage, primary: str, trouble: str) -> tuple[dict[Row, float | None], str]:
    """Returns what the table holds on the primary, and the trouble that there was so far."""
    try:
        rows = table.read(stage.nodes[primary], stage.settings)
        table.drop(stage.nodes[primary], stage.settings)
    except LabError as error:
        return {}, trouble or f"the table cannot be read on {primary}: {error}"
    return rows, trouble
