"""One row, from a whole cluster to a verdict."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from ...errors import LabError
from . import local, shared, values
from .judge import Course, Outcome, Phase, judge
from .reports import find
from .row import PRIMARY, Row
from .scene import Scene

SETTLE = 7.0
"""s for every HAProxy to follow: the monitor's interval, and a reload."""
BACK_WITHIN = 10.0
"""s for HAProxy to serve again after it was killed."""
STARTED_WITHIN = 15.0
"""s for Pacemaker to stop HAProxy on one node, and the same to start it."""
WHOLE_WITHIN = 60.0
"""s after the fault is gone, without help: the failure-timeout, a start and a monitor."""
LIMIT = {"maxconn": "1999"}
"""The parameter that the reload changes, with a valid value. No row breaks it."""


def perform(row: Row, scene: Scene, say: Callable[[str], None]) -> Outcome:
    """Runs a row and undoes it. Raises LabError if the cluster is not whole before it."""
    if not scene.whole(WHOLE_WITHIN):
        raise LabError(f"the cluster is not whole before {row.name}: paf-haproxy status")
    scene.attempts.clear()
    scene.died.clear()
    primary = scene.primary()
    others = [name for name in scene.nodes if name != primary]
    victim = primary if row.where == PRIMARY else others[-1]
    phases: list[Phase] = []
    reports: dict[str, str] = {}
    trouble, helped = "", False
    try:
        try:
            _prepare(row, scene)
            trouble = _course(row, scene, victim, primary, phases, reports, say)
        finally:
            begin = time.time()
            say("undo")
            trouble = _undo(row, scene, victim, primary) or trouble
    except LabError as error:
        trouble = trouble or str(error)
    if not scene.whole(WHOLE_WITHIN):
        helped = True
        scene.cleanup()
        if not scene.whole(WHOLE_WITHIN):
            trouble = trouble or f"not whole {WHOLE_WITHIN:g} s after a cleanup"
            say(trouble)
            scene.repair()
    phases.append(Phase("undo", begin, time.time()))
    nodes = tuple(scene.nodes)
    seen = tuple(scene.attempts)
    died = frozenset(scene.died)
    course = Course(
        victim=victim,
        primary=primary,
        nodes=nodes,
        phases=phases,
        attempts=seen,
        reports=reports,
        trouble=trouble,
        helped=helped,
        died=died,
    )
    return judge(row, course)


def _prepare(row: Row, scene: Scene) -> None:
    for name in scene.nodes:
        scene.script(name, row.before)
    if row.good:
        scene.set(row.good)
        scene.rest(SETTLE)


def _course(
    row: Row,
    scene: Scene,
    victim: str,
    primary: str,
    phases: list[Phase],
    reports: dict[str, str],
    say: Callable[[str], None],
) -> str:
    """Brings the fault about; kills, restarts and reloads HAProxy. Returns what went wrong."""
    since = time.time()
    with _phase("fault", phases):
        say(f"fault on {victim if row.apply else 'all nodes'}")
        scene.script(victim, row.apply)
        scene.sql(primary, row.sql)
        scene.set(row.parameters)
        scene.rest(SETTLE)
        reports.update(find(scene.nodes[victim], since, row.report))
    say(f"kill HAProxy on {victim}")
    begin = time.time()
    scene.kill(victim)
    back = scene.served(victim, BACK_WITHIN)
    phases.append(Phase("kill", begin, time.time(), away=True, returned=back))
    say(f"restart the resource on {victim}")
    begin = time.time()
    trouble = ""
    try:
        scene.stop(victim, STARTED_WITHIN)
    except LabError as error:
        trouble = str(error)
    finally:
        scene.start()
    back = scene.served(victim, STARTED_WITHIN)
    phases.append(Phase("restart", begin, time.time(), away=True, returned=back))
    with _phase("reload", phases):
        say("reload")
        scene.set(LIMIT)
        scene.rest(SETTLE)
        reports.update({**find(scene.nodes[victim], since, row.report), **reports})
    return trouble


def _undo(row: Row, scene: Scene, victim: str, primary: str) -> str:
    """Takes everything back. Returns what could not be done."""
    trouble = ""
    steps: tuple[Callable[[], None], ...] = (
        lambda: scene.sql(primary, row.unsql),
        lambda: scene.script(victim, row.undo),
        lambda: scene.unset({**row.parameters, **row.good, **LIMIT}),
        *((lambda name=name: scene.script(name, row.after)) for name in scene.nodes),
    )
    for step in steps:
        try:
            step()
        except LabError as error:
            trouble = trouble or f"undo: {error}"
    return trouble


@contextlib.contextmanager
def _phase(name: str, phases: list[Phase]) -> Iterator[None]:
    begin = time.time()
    try:
        yield
    finally:
        phases.append(Phase(name, begin, time.time()))


def rows(scene: Scene) -> tuple[Row, ...]:
    """Returns every row, those that name nodes of this cluster among them."""
    names = tuple(scene.nodes)
    with contextlib.suppress(LabError):
        leads = scene.primary()
        other = next(name for name in reversed(names) if name != leads)
        return (*values.ROWS, values.unresolvable(names, other), *local.ROWS, *shared.ROWS)
    return (*values.ROWS, *local.ROWS, *shared.ROWS)
