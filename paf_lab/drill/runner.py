"""From a whole cluster to what was seen: clients at work, an event, a whole cluster again."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..errors import LabError
from . import commands, records, table, timeline
from .audits import Evidence, Row
from .records import Facts
from .stage import Stage, View
from .target import Target
from .timeline import Event


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """What only a drill looks for after the event; the fields are those of Evidence."""

    fencings: int = 0
    receivers: Mapping[str, str] = field(default_factory=dict)
    leftovers: tuple[str, ...] = ()
    before: Mapping[str, Facts] = field(default_factory=dict)
    after: Mapping[str, Facts] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Performed:
    """events: from the event on until the clients were ended."""

    evidence: Evidence
    events: tuple[Event, ...]


class Procedure(Protocol):
    """What a drill and a trial of the comparison do differently, in the order of the calls. A
    LabError before `bring_about` means that it cannot even begin.
    """

    def check(self, stage: Stage) -> None:
        """Does what must come before anything is watched; all nodes have booted."""

    def begin(self, stage: Stage) -> None:
        """Returns once the cluster is whole, and its primary is in `stage.primary`."""

    def bring_about(self, stage: Stage) -> str:
        """Brings the event about, sees it through and takes it back. May set `stage.started`.

        Returns in one line what went wrong, or ''. Raises LabError if it is of no use to wait until
        the cluster is whole.
        """

    def await_whole(self, stage: Stage) -> None:
        """Returns once the cluster is whole again. Raises LabError if it is not."""

    def finish(self, stage: Stage) -> None:
        """Ends what works beside the clients, before the table is read."""

    def expected(self, stage: Stage) -> str:
        """Returns the node that should be primary now. The table is read there."""

    def look_round(self, stage: Stage) -> Aftermath:
        """Looks for what an event may leave behind."""


def perform(procedure: Procedure, target: Target, directory: Path, view: View) -> Performed:
    """Performs something once. Raises LabError if it cannot even begin; what goes wrong after the
    event is part of the evidence.

    directory: where the records are kept.
    """
    directory.mkdir(parents=True)
    stage = Stage(target, directory, view)
    stage.say("wait until the cluster is whole")
    stage.await_nodes()
    procedure.check(stage)
    with stage.watched():
        procedure.begin(stage)
        password = secrets.token_hex(16)
        primary = stage.nodes[stage.primary]
        table.make(primary, stage.settings, password, stage.settings.iterations)
        try:
            with stage.attended(password):
                stage.say("clients at work")
                stage.rest(stage.settings.warm_up)
                load = commands.load(stage.anyone)
                trouble = _event(procedure, stage)
                settled = time.time()
                stage.say(trouble or "cluster whole again")
                stage.rest(stage.settings.cool_down)
                procedure.finish(stage)
            expected = procedure.expected(stage)
            rows, trouble = _rows(stage, expected, trouble)
            aftermath = procedure.look_round(stage)
        finally:
            _clear_away(stage)
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
        fencings=aftermath.fencings,
        died=frozenset(stage.died),
        left=dict(stage.left),
        repairs=tuple(stage.repairs),
        cleared=stage.cleared,
        slowness=stage.settings.slowness,
        receivers=aftermath.receivers,
        leftovers=(*stage.leftovers, *aftermath.leftovers),
        before=aftermath.before,
        after=aftermath.after,
        sightings=tuple(stage.sightings),
        load=load,
    )
    until = settled + stage.settings.cool_down * stage.settings.slowness
    events = timeline.merged(stage.events, stage.started, until)
    return Performed(evidence=evidence, events=tuple(events))


def _event(procedure: Procedure, stage: Stage) -> str:
    """Brings the event about and waits for its end. Returns what went wrong, in one line."""
    trouble = ""
    stage.started = time.time()
    try:
        trouble = procedure.bring_about(stage)
        procedure.await_whole(stage)
        stage.await_clients()
    except LabError as error:
        trouble = trouble or str(error)
    return trouble


def _rows(stage: Stage, primary: str, trouble: str) -> tuple[dict[Row, float | None], str]:
    """Returns what the table holds on the primary, and the trouble that there was so far."""
    try:
        return table.read(stage.nodes[primary], stage.settings), trouble
    except LabError as error:
        return {}, trouble or f"the table cannot be read on {primary}: {error}"


def _clear_away(stage: Stage) -> None:
    """Drops the table on the node that is primary now; the next run would do it otherwise."""
    stage.look()
    for name, role in stage.roles.items():
        if role == records.PRIMARY:
            try:
                table.drop(stage.nodes[name], stage.settings)
            except LabError:
                pass
