"""One run of a drill, from a healthy cluster to a verdict."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from ..errors import LabError
from . import commands, leftovers, records, rejoin, table, timeline
from .audits import Evidence, Row
from .drill import Drill
from .stage import Stage, View
from .target import Target
from .verdict import Run


def perform(
    drill: Drill,
    number: int,
    target: Target,
    directory: Path,
    view: View,
) -> Run:
    """Runs a drill once. Raises LabError if it cannot even begin; what goes wrong after the event
    is part of the verdict.
    """
    directory.mkdir(parents=True)
    settings = target.settings
    stage = Stage(target, directory, view)
    if drill.pooled and commands.pooled(stage.nodes.values()):
        stage.settings = settings.with_pooled(drill.transaction)
    stage.say("wait until the cluster is healthy")
    stage.await_nodes()
    target.check()
    with stage.watched():
        before = rejoin.begin(stage)
        stage.primary = before.status.promoted(settings.pgsql_clone) or ""
        wanted = drill.expected(stage)
        target.allow(drill.name, drill.breaks(stage), drill.lab_only)
        password = secrets.token_hex(16)
        table.make(stage.nodes[stage.primary], settings, password, settings.iterations)
        try:
            with stage.attended(password):
                stage.say("clients at work")
                stage.rest(settings.warm_up)
                load = commands.load(stage.anyone)
                trouble = _event(drill, stage, wanted)
                settled = time.time()
                stage.say(trouble or "cluster whole again")
                stage.rest(settings.cool_down)
                drill.finish(stage)
            expected = wanted or stage.leader()
            rows, trouble = _rows(stage, expected, trouble)
            fencings = target.fencings(stage.started, stage.anyone)
            receivers, left = leftovers.receivers(stage), leftovers.find(stage)
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
        fencings=fencings,
        died=frozenset(stage.died),
        left=dict(stage.left),
        repairs=tuple(stage.repairs),
        cleared=stage.cleared,
        slowness=settings.slowness,
        receivers=receivers,
        leftovers=left,
        load=load,
    )
    until = settled + settings.cool_down * settings.slowness
    events = timeline.merged(stage.events, stage.started, until)
    return Run(drill.name, number, evidence, tuple(drill.judge(evidence)), tuple(events))


def _event(drill: Drill, stage: Stage, expected: str | None) -> str:
    """Brings the event about and sees it through. Returns what went wrong, in one line."""
    trouble = ""
    stage.started = time.time()
    try:
        try:
            drill.prepare(stage)
            stage.started = time.time()
            drill.inject(stage)
            drill.follow(stage)
        finally:
            drill.undo(stage)
        rejoin.Rejoin(stage, expected).await_whole(drill.deadline)
        stage.await_clients()
    except LabError as error:
        trouble = str(error)
    return trouble


def _rows(stage: Stage, primary: str, trouble: str) -> tuple[dict[Row, float | None], str]:
    """Returns what the table holds on the primary, and the trouble that there was so far."""
    try:
        return table.read(stage.nodes[primary], stage.settings), trouble
    except LabError as error:
        return {}, trouble or f"the table cannot be read on {primary}: {error}"


def _clear_away(stage: Stage) -> None:
    """Drops the table on whoever is primary now; the next run would do it otherwise."""
    stage.look()
    for name, role in stage.roles.items():
        if role == records.PRIMARY:
            try:
                table.drop(stage.nodes[name], stage.settings)
            except LabError:
                pass
