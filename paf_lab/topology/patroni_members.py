"""The members of the lab's Patroni cluster, and what a person would do if one cannot follow."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

from ..errors import LabError
from ..node import named
from ..recovery import Recovery
from .base import Topology
from .patroni_settings import CONFIGURATION


class PatroniRecovery(Recovery):
    """Patroni brings nodes back by itself; an instance that cannot follow is made anew."""

    def __init__(self, patroni: Topology, rest: Callable[[float], object]) -> None:
        super().__init__(patroni.lacking, rest)
        self._primary = patroni.primary

    def help(self, waited: float) -> None:
        with contextlib.suppress(LabError):  # a node went down under our hands
            if (primary := self._primary()) is not None:
                _reinitialize(primary)


def _reinitialize(primary: str) -> None:
    """Lets Patroni make those instances anew that cannot follow the primary."""
    words = ("patronictl", "-c", f"/{CONFIGURATION}")
    for member in members(primary):
        if member.get("State") in ("start failed", "crashed"):
            anew = ("reinit", "--force", "lab", member["Member"])
            named(primary).run(*words, *anew, check=False, timeout=120)


def members(node: str) -> list[dict[str, Any]]:
    """Returns what Patroni on a node knows of all members."""
    words = ("patronictl", "-c", f"/{CONFIGURATION}", "list", "--format", "json", "lab")
    found: list[dict[str, Any]] = json.loads(named(node).run(*words, check=False).stdout or "[]")
    return found
