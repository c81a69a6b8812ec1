"""How `paf-haproxy switchover` has the nodes of the cluster do something."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import request

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..params import Params

LOOK_WITHIN = 60.0  # s for an answer of another node: some of its monitors


def here(node: str) -> bool:
    """Returns whether this is that node."""
    return node == os.uname().nodename


@dataclass(frozen=True)
class Nodes:
    """The nodes with our resource. say: prints a line for the person who types the command."""

    resource: str
    params: Params
    say: Callable[[str], None]

    def ask(self, names: tuple[str, ...], what: str, within: float) -> dict[str, dict[str, Any]]:
        """Has nodes do something: this one directly, the others at once through the CIB. Returns
        their answers, by node. Raises AgentError if one of them gives none within so many s.
        """
        self.say(f"  asking {' and '.join(names)} ({what})")
        # Not beside the others: for a login by peer authentication the process is another user.
        found = {node: request.perform(self.params, what) for node in names if here(node)}
        others = [node for node in names if not here(node)]
        with ThreadPoolExecutor(16) as pool:
            answers = pool.map(lambda node: request.ask(self.resource, node, what, within), others)
            found.update(zip(others, answers))
        return {node: found[node] for node in names}
