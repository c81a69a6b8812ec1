"""The move of `paf-haproxy switchover`: checkpoints, the constraint, the wait until all agree."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .. import pacemaker, request
from ..command import run
from ..ocf import AgentError
from . import findings, output, survey
from .nodes import LOOK_WITHIN, here
from .outage import Outage

if TYPE_CHECKING:
    from collections.abc import Callable

    from .nodes import Nodes
    from .situation import Situation

LIFETIME = "PT10M"
"""After this, the constraint of the move is no longer in force (ISO 8601, crm_resource(8))."""
CHECKPOINT_WITHIN = 900.0  # s
REPEAT_ABOVE = 3.0
"""s. During a longer CHECKPOINT, clients change pages that are then written while they wait."""
MOST_ROUNDS = 3
MOVE_WITHIN = 180.0  # s
PAUSE = 0.3  # s between two looks at the move


def move(found: Situation, nodes: Nodes, report: output.Report) -> None:
    """Moves the primary to the candidate, and completes the report. Raises AgentError if a step
    fails.
    """
    clone = nodes.params.pgsql_clone
    if found.failed:
        run(["crm_resource", "--cleanup", "--resource", clone], timeout=60)
        _await(pacemaker.idle, "Pacemaker is still at work after the cleanup")
    _checkpoints(nodes, report)
    began, clock = time.monotonic(), time.time()
    with Outage(nodes.params.statedir) as outage:
        words = ["crm_resource", "--move", "--promoted", "--resource", clone]
        run([*words, "--node", report.candidate, "--lifetime", LIFETIME])
        nodes.say(f"  moving the primary from {report.primary} to {report.candidate}")
        try:
            _follow(nodes, report.candidate, outage, began)
            report.moved = True
        finally:
            report.outage, report.held = round(outage.seconds, 3), outage.held
            report.seconds = round(time.monotonic() - began, 3)
    run(["crm_resource", "--clear", "--resource", clone])
    if nodes.params.pooler:
        report.sessions = _sessions(nodes, report.nodes, int(clock))
    text = (
        f"\n{report.candidate} is the primary. On this node, prod had no server for"
        f" {report.outage:.2f} s; {report.held} connections waited."
    )
    if report.sessions is not None:
        text += f" {report.sessions} sessions through PgBouncer went on."
    nodes.say(text)


def _checkpoints(nodes: Nodes, report: output.Report) -> None:
    """Leaves segments of WAL behind, then runs CHECKPOINT on the primary and on all standbys: PAF
    runs it there before a promotion, while clients wait. The primary is first: a standby's
    CHECKPOINT goes as far as the primary's last one. All run it again if it took long.
    """
    if report.leave:
        what = f"{request.FILL} {report.leave}"
        filled = nodes.ask((report.primary,), what, CHECKPOINT_WITHIN)
        nodes.say(f"  segments of WAL filled: {filled[report.primary]['segments']}")
    standbys = tuple(node for node in report.nodes if node != report.primary)
    for _ in range(MOST_ROUNDS):
        if max(_checkpoint(nodes, names) for names in ((report.primary,), standbys)) < REPEAT_ABOVE:
            break
    if here(report.primary):
        # The standbys have answered seconds later; another node would answer seconds later again.
        _checkpoint(nodes, (report.primary,))


def _checkpoint(nodes: Nodes, names: tuple[str, ...]) -> float:
    """Runs CHECKPOINT on nodes. Returns how long the slowest took, in s."""
    told = nodes.ask(names, request.CHECKPOINT, CHECKPOINT_WITHIN)
    for node, answer in told.items():
        nodes.say(f"  checkpoint on {node}: {answer['seconds']:.1f} s")
    return max(float(answer["seconds"]) for answer in told.values())


def _sessions(nodes: Nodes, names: tuple[str, ...], began: int) -> int | None:
    """Returns how many sessions through PgBouncer are older than the move; None if a node does not
    tell.
    """
    try:
        told = nodes.ask(names, f"{request.SESSIONS} {began}", LOOK_WITHIN)
    except AgentError as error:
        nodes.say(f"  the sessions through PgBouncer are not known: {error.reason}")
        return None
    return sum(int(facts["sessions"]) for facts in told.values())


def _follow(nodes: Nodes, candidate: str, outage: Outage, began: float) -> None:
    """Shows the steps of the move, and returns when all agree."""
    clone = nodes.params.pgsql_clone
    shown: set[str] = set()

    def step(text: str) -> None:
        if text not in shown:
            shown.add(text)
            nodes.say(f"  +{time.monotonic() - began:4.1f} s  {text}")

    while time.monotonic() - began < MOVE_WITHIN:
        if not outage.serves:
            step("new connections wait")
        elif shown:
            step("a primary serves")
        promoted = pacemaker.promoted(clone)
        if promoted:
            step(f"PAF has {' '.join(promoted)} promoted")
        if promoted == (candidate,) and pacemaker.idle():
            cluster = survey.survey(nodes.params, nodes.resource)
            troubles = [each for each in findings.findings(cluster) if each.grade > findings.OK]
            if not troubles:
                step("all agree")
                return
        time.sleep(PAUSE)
    raise AgentError(
        f"the primary has not moved to {candidate} within {MOVE_WITHIN:g} s, or not all agree:"
        f" paf-haproxy status; then crm_resource --clear --resource {clone}"
    )


def _await(over: Callable[[], bool], what: str, within: float = 60) -> None:
    end = time.monotonic() + within
    while not over():
        if time.monotonic() > end:
            raise AgentError(f"{what}: crm_mon")
        time.sleep(PAUSE)
