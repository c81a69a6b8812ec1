"""A node out of stdby and back, by a person's will: an attribute of the node in the CIB, so that it
outlives every restart. Each node's monitor brings it into its own HAProxy.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..command import run
from ..ocf import AgentError
from ..pacemaker import DRAINED, drain_attribute
from ..routing import STDBY
from .findings import size

if TYPE_CHECKING:
    from collections.abc import Callable

    from .survey import Cluster

WITHIN = 60.0  # s for every HAProxy to follow: some monitors
PAUSE = 0.5  # s between two looks


def change(
    node: str,
    drained: bool,
    resource: str,
    survey: Callable[[], Cluster],
    say: Callable[[str], None],
) -> int:
    """Sets or removes the attribute and waits for every HAProxy that answers. Returns 0.

    Raises AgentError if Pacemaker refuses, or a HAProxy has not followed in time.
    """
    name = drain_attribute(resource)
    if drained:
        _attribute(node, name, "--update", "true")
    else:
        for attribute in (name, DRAINED):  # the second is that of earlier versions
            _attribute(node, attribute, "--delete")
    end = time.monotonic() + WITHIN
    told: set[str] = set()
    while True:
        cluster = survey()
        kept_out = "" if drained else why_not(cluster, node)
        late = []
        for each in cluster.nodes:
            if each.view is None:
                continue
            server = each.view.server(STDBY, node)
            if server is None or server.status.startswith(("MAINT", "DOWN")):
                continue  # no backend there, the primary, or not there to be led to
            # A server that lags has weight 0, and HAProxy's statistics call that DRAIN, too.
            if server.status.startswith("DRAIN") is not drained and not kept_out:
                late.append(each.name)
            elif each.name not in told:
                told.add(each.name)
                say(f"{each.name}: stdby/{node} {server.status}")
        if not late:
            if kept_out:
                say(f"{node} is not drained any more; {kept_out}")
            return 0
        if time.monotonic() > end:
            text = f"HAProxy on {' '.join(late)} does not follow: is the resource monitored there?"
            raise AgentError(text)
        time.sleep(PAUSE)


def why_not(cluster: Cluster, name: str) -> str:
    """Returns why a standby that is not drained gets no new connections through stdby, or ''."""
    node = cluster.node(name)
    if node is None or node.view is None or not node.view.lagging:
        return ""
    return (
        f"it lags {size(node.view.lag)}, more than max_lag:"
        " stdby leads to it again when it has caught up"
    )


def _attribute(node: str, name: str, *what: str) -> None:
    run(["crm_attribute", "--node", node, "--name", name, "--lifetime", "forever", *what])
