"""`paf-haproxy switchover`: a planned change of primary, in one command."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .. import pacemaker, request
from ..command import run
from ..ocf import AgentError
from . import findings, output, readiness, survey
from .outage import Outage
from .readiness import Check, Limits
from .situation import Situation, situation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..params import Params
    from .survey import Cluster

LIFETIME = "PT10M"
"""After this, the constraint of the move is no longer in force (ISO 8601, crm_resource(8))."""
LOOK_WITHIN = 60.0  # s for an answer of another node: some of its monitors
CHECKPOINT_WITHIN = 900.0  # s
SCORE_WITHIN = 25.0  # s: an interval of PAF's monitor, and some more
MOVE_WITHIN = 180.0  # s
PAUSE = 0.3  # s between two looks at the move


@dataclass(frozen=True)
class Order:
    """What a person asked for. node: '' for the best candidate."""

    node: str
    limits: Limits
    dry_run: bool = False
    force: bool = False
    json: bool = False


def switchover(order: Order, resource: str, params: Params) -> int:
    """Checks, moves the primary, and returns the exit code. Raises AgentError if Pacemaker or a
    node does not answer.
    """
    say = output.silent if order.json else output.say
    report = output.Report()
    cluster = survey.survey(params, resource)
    found = situation(params.pgsql_clone, resource)
    _check(order, cluster, found, resource, params, report, say)
    refused = readiness.refused(report.checks)
    if not order.dry_run and (not refused or order.force):
        try:
            _move(found, resource, params, report, say)
        except AgentError as error:
            if report.seconds is None:
                raise  # the move has not begun
            sys.stderr.write(f"paf-haproxy: {error.reason}\n")
    if order.json:
        print(json.dumps(asdict(report), indent=2))
    elif refused and not order.force:
        print("\nRefused. Nothing was changed.")
    return report.code(order.dry_run, order.force)


def _check(
    order: Order,
    cluster: Cluster,
    found: Situation,
    resource: str,
    params: Params,
    report: output.Report,
    say: Callable[[str], None],
) -> None:
    clone = params.pgsql_clone

    def note(*checks: Check) -> None:
        report.checks += checks
        for check in checks:
            say(output.line(check))

    note(*readiness.cluster_checks(cluster, found, clone))
    if readiness.refused(report.checks) and not order.force:
        return  # a node may not answer then
    if len(cluster.promoted) != 1:
        raise AgentError("there is not one primary: paf-haproxy status")
    report.primary = cluster.promoted[0]
    report.candidate = order.node or readiness.best(cluster, found)
    node = cluster.node(report.candidate)
    if node is None or node.name == report.primary or node.postgres != "Unpromoted":
        what = f"{report.candidate} is no standby" if report.candidate else "there is no candidate"
        raise AgentError(f"{what}: crm_mon -1 -A, then name another node")
    both = (report.primary, node.name)
    rest = (each.name for each in cluster.nodes if each.name not in both and each.view)
    report.nodes = (*both, *rest)
    told = _ask(resource, params, report.nodes, request.LOOK, LOOK_WITHIN, say)
    facts, own = (told[name] for name in both)
    found = _await_score(found, node.name, facts, resource, clone, say)
    report.unused = own.get("unused", "")
    note(*readiness.candidate_checks(node, found, facts, own, order.limits))
    note(*readiness.primary_checks(report.primary, facts, order.limits))
    waits = not params.pooler or pacemaker.demote_waits(resource, clone)
    note(*readiness.pooler_checks(told, waits))


def _await_score(
    found: Situation,
    node: str,
    facts: Mapping[str, Any],
    resource: str,
    clone: str,
    say: Callable[[str], None],
) -> Situation:
    """Returns the situation once PAF has given a candidate that streams its score, which takes up
    to 16 s after a restart; as it is after SCORE_WITHIN s.
    """
    streams = any(
        each["name"] == node and each["state"] == "streaming" for each in facts["standbys"]
    )
    if not streams or found.scores.get(node, -1) > 0:
        return found
    say(f"  waiting for PAF's score of {node}")
    end = time.monotonic() + SCORE_WITHIN
    while found.scores.get(node, -1) <= 0 and time.monotonic() < end:
        time.sleep(PAUSE)
        found = situation(clone, resource)
    return found


def _move(
    found: Situation,
    resource: str,
    params: Params,
    report: output.Report,
    say: Callable[[str], None],
) -> None:
    clone = params.pgsql_clone
    if report.unused:
        what = f"{request.FILL} {report.unused}"
        filled = _ask(resource, params, (report.primary,), what, CHECKPOINT_WITHIN, say)
        say(f"  segments of WAL filled: {filled[report.primary]['segments']}")
    # On all standbys: PAF runs CHECKPOINT there before a promotion, while clients wait. The primary
    # is first: a standby's CHECKPOINT goes as far as the primary's last one.
    standbys = tuple(node for node in report.nodes if node != report.primary)
    for nodes in ((report.primary,), standbys):
        told = _ask(resource, params, nodes, request.CHECKPOINT, CHECKPOINT_WITHIN, say)
        for node, answer in told.items():
            say(f"  checkpoint on {node}: {answer['seconds']:.1f} s")
    if found.failed:
        run(["crm_resource", "--cleanup", "--resource", clone], timeout=60)
        _await(pacemaker.idle, "Pacemaker is still at work after the cleanup")
    began, clock = time.monotonic(), time.time()
    with Outage(params.statedir) as outage:
        move = ["crm_resource", "--move", "--promoted", "--resource", clone]
        run([*move, "--node", report.candidate, "--lifetime", LIFETIME])
        say(f"  moving the primary from {report.primary} to {report.candidate}")
        try:
            _follow(resource, params, report.candidate, outage, began, say)
            report.moved = True
        finally:
            report.outage, report.held = round(outage.seconds, 3), outage.held
            report.seconds = round(time.monotonic() - began, 3)
    run(["crm_resource", "--clear", "--resource", clone])
    if params.pooler:
        report.sessions = _sessions(report.nodes, resource, params, int(clock), say)
    text = (
        f"\n{report.candidate} is the primary. On this node, prod had no server for"
        f" {report.outage:.2f} s; {report.held} connections waited."
    )
    if report.sessions is not None:
        text += f" {report.sessions} sessions through PgBouncer went on."
    say(text)


def _sessions(
    nodes: tuple[str, ...], resource: str, params: Params, began: int, say: Callable[[str], None]
) -> int | None:
    """Returns how many sessions through PgBouncer are older than the move; None if a node does not
    tell.
    """
    what = f"{request.SESSIONS} {began}"
    try:
        told = _ask(resource, params, nodes, what, LOOK_WITHIN, say)
    except AgentError as error:
        say(f"  the sessions through PgBouncer are not known: {error.reason}")
        return None
    return sum(int(facts["sessions"]) for facts in told.values())


def _follow(
    resource: str,
    params: Params,
    candidate: str,
    outage: Outage,
    began: float,
    say: Callable[[str], None],
) -> None:
    """Shows the steps of the move, and returns when all agree."""
    shown: set[str] = set()

    def step(text: str) -> None:
        if text not in shown:
            shown.add(text)
            say(f"  +{time.monotonic() - began:4.1f} s  {text}")

    while time.monotonic() - began < MOVE_WITHIN:
        if not outage.serves:
            step("new connections wait")
        elif shown:
            step("a primary serves")
        promoted = pacemaker.promoted(params.pgsql_clone)
        if promoted:
            step(f"PAF has {' '.join(promoted)} promoted")
        if promoted == (candidate,) and pacemaker.idle():
            cluster = survey.survey(params, resource)
            troubles = [each for each in findings.findings(cluster) if each.grade > findings.OK]
            if not troubles:
                step("all agree")
                return
        time.sleep(PAUSE)
    raise AgentError(
        f"the primary has not moved to {candidate} within {MOVE_WITHIN:g} s, or not all agree:"
        f" paf-haproxy status; then crm_resource --clear --resource {params.pgsql_clone}"
    )


def _ask(
    resource: str,
    params: Params,
    nodes: tuple[str, ...],
    what: str,
    within: float,
    say: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    """Has nodes do something: this one directly, the others at once through the CIB. Raises
    AgentError if one of them does not.
    """
    say(f"  asking {' and '.join(nodes)} ({what})")
    here = os.uname().nodename
    # Not beside the others: for a login by peer authentication the process is another user.
    found = {node: request.perform(params, what) for node in nodes if node == here}
    others = [node for node in nodes if node != here]
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda node: request.ask(resource, node, what, within), others)
        found.update(zip(others, answers))
    return {node: found[node] for node in nodes}


def _await(over: Callable[[], bool], what: str, within: float = 60) -> None:
    end = time.monotonic() + within
    while not over():
        if time.monotonic() > end:
            raise AgentError(f"{what}: crm_mon")
        time.sleep(PAUSE)
