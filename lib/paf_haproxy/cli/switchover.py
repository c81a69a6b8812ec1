"""`paf-haproxy switchover`: a planned change of primary, in one command."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .. import pacemaker, request
from ..ocf import AgentError
from . import output, readiness, survey
from .move import move
from .nodes import LOOK_WITHIN, Nodes
from .readiness import Check, Limits
from .situation import Situation, situation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..params import Params
    from .survey import Cluster

SCORE_WITHIN = 25.0  # s: an interval of PAF's monitor, and some more
PAUSE = 0.3  # s between two looks at the score


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
    nodes = Nodes(resource, params, output.silent if order.json else output.say)
    report = output.Report()
    cluster = survey.survey(params, resource)
    found = situation(params.pgsql_clone, resource)
    _check(order, cluster, found, nodes, report)
    refused = readiness.refused(report.checks)
    if not order.dry_run and (not refused or order.force):
        try:
            move(found, nodes, report)
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
    order: Order, cluster: Cluster, found: Situation, nodes: Nodes, report: output.Report
) -> None:
    clone = nodes.params.pgsql_clone

    def note(*checks: Check) -> None:
        report.checks += checks
        for check in checks:
            nodes.say(output.line(check))

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
    told = nodes.ask(report.nodes, request.LOOK, LOOK_WITHIN)
    facts, own = (told[name] for name in both)
    found = _await_score(found, node.name, facts, nodes)
    report.unused = own.get("unused", "")
    report.leave = readiness.segment_to_leave(facts, own)
    note(*readiness.candidate_checks(node, found, facts, own, order.limits))
    note(*readiness.primary_checks(report.primary, facts, order.limits))
    waits = not nodes.params.pooler or pacemaker.demote_waits(nodes.resource, clone)
    note(*readiness.pooler_checks(told, waits))


def _await_score(found: Situation, node: str, facts: Mapping[str, Any], nodes: Nodes) -> Situation:
    """Returns the situation once PAF has given a candidate that streams its score, which takes up
    to 16 s after a restart; as it is after SCORE_WITHIN s.
    """
    streams = any(
        each["name"] == node and each["state"] == "streaming" for each in facts["standbys"]
    )
    if not streams or found.scores.get(node, -1) > 0:
        return found
    nodes.say(f"  waiting for PAF's score of {node}")
    end = time.monotonic() + SCORE_WITHIN
    while found.scores.get(node, -1) <= 0 and time.monotonic() < end:
        time.sleep(PAUSE)
        found = situation(nodes.params.pgsql_clone, nodes.resource)
    return found
