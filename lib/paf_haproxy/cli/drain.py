"""A node out of stdby and back, by a person's will: an attribute of the node in the CIB, so that it
outlives every restart. Each node's monitor brings it into its own HAProxy.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..ocf import AgentError
from ..pacemaker import DRAINED
from ..routing import STDBY
from ..run import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from .survey import Cluster

WITHIN = 60.0  # s for every HAProxy to follow: some monitors
PAUSE = 0.5  # s between two looks


def change(
    node: str, drained: bool, survey: Callable[[], Cluster], say: Callable[[str], None]
) -> int:
    """Sets or removes the attribute and waits for every HAProxy that answers. Returns 0.

    Raises AgentError if Pacemaker refuses, or a HAProxy has not followed in time.
    """
    scope = ["--node", node, "--name", DRAINED, "--lifetime", "forever"]
    run(["crm_attribute", *scope, *(["--update", "true"] if drained else ["--delete"])])
    end = time.monotonic() + WITHIN
    told: set[str] = set()
    while True:
        cluster = survey()
        late = []
        for each in cluster.nodes:
            if each.view is None:
                continue
            server = each.view.server(STDBY, node)
            if server is None or server.status.startswith(("MAINT", "DOWN")):
                continue  # no backend there, the primary, or not there to be led to
            if server.status.startswith("DRAIN") is not drained:
                late.append(each.name)
            elif each.name not in told:
                told.add(each.name)
                say(f"{each.name}: stdby/{node} {server.status}")
        if not late:
            return 0
        if time.monotonic() > end:
            text = f"HAProxy on {' '.join(late)} does not follow: is the resource monitored there?"
            raise AgentError(text)
        time.sleep(PAUSE)
