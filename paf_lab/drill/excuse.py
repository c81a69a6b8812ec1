"""While a node is down, what its own clients see is not HAProxy's doing. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable

from .audits import Evidence
from .records import ACK, Attempt

Stretch = tuple[float, float]
"""From when until when, s of the epoch."""


def excused(evidence: Evidence) -> dict[str, Stretch]:
    """Returns for each client of a node that was down the time for which it is excused: from when
    the node left until the client's first attempt that was answered after the node's HAProxy was
    back (infinity: there was none).
    """
    away = {name: _away(evidence, name) for name in evidence.died}
    served: dict[str, float] = {}
    for each in evidence.seen.attempts:
        _, back = away.get(each.node, (0.0, math.inf))
        if each.outcome == ACK and each.start >= back:
            served[each.client] = min(each.start, served.get(each.client, math.inf))
    clients = {each.client: each.node for each in evidence.seen.attempts if each.node in away}
    return {
        client: (away[node][0], served.get(client, math.inf)) for client, node in clients.items()
    }


def accountable(evidence: Evidence) -> list[Attempt]:
    """Returns all attempts but those for which a client is excused."""
    stretches = excused(evidence)
    return [each for each in evidence.seen.attempts if not _within(each, stretches)]


def served_at(evidence: Evidence, moment: float) -> Callable[[str], bool]:
    """Returns whether a client is accountable at a moment (s of the epoch): its node was there."""
    stretches = excused(evidence)

    def there(client: str) -> bool:
        since, until = stretches.get(client, (math.inf, 0.0))
        return not since <= moment < until

    return there


def _within(each: Attempt, stretches: dict[str, Stretch]) -> bool:
    since, until = stretches.get(each.client, (math.inf, 0.0))
    return since <= each.end and each.start < until


def _away(evidence: Evidence, node: str) -> Stretch:
    """Returns since when a node was leaving, and when its HAProxy led to a primary again (infinity:
    never).
    """
    since = evidence.left.get(node, evidence.started)
    back, silent = math.inf, False
    for each in evidence.seen.servers:
        if each.node != node or each.at < since:
            continue
        if each.states is None:
            back, silent = math.inf, True
        elif silent and math.isinf(back) and each.leads_to:
            back = each.at
    return since, back
