"""How `paf-haproxy switchover` has the nodes of the cluster do something."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .. import request

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..params import Params

LOOK_WITHIN = 60.0  # s for an answer of another node: some of its monitors


def ask(
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
