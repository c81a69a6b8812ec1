"""Segments of WAL that were never used are used up before a drill."""

from __future__ import annotations

from typing import Any

import pytest

from paf_lab.drill import commands, segments
from paf_lab.drill.settings import Settings
from paf_lab.errors import LabError

NODES: dict[str, Any] = {"srv1": "srv1", "srv2": "srv2", "srv3": "srv3"}


class World:
    """left: how many segments must be filled until none is unused."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.filled: list[str] = []

    def psql(self, node: str, _: Settings, script: str) -> str:
        if script == segments.NEXT:
            self.filled.append(node)
            self.left -= 1
            return ""
        if node == "srv3":
            raise LabError("it does not run")
        return "00000001000000000000000A\n" if self.left > 0 and node == "srv2" else ""


@pytest.mark.parametrize(("left", "filled"), [(0, 0), (3, 3), (99, segments.MOST)])
def test_they_are_used_up(left: int, filled: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(left)
    monkeypatch.setattr(commands, "psql", world.psql)
    assert segments.use_up(NODES, NODES["srv1"], Settings()) == filled
    assert world.filled == ["srv1"] * filled


def test_which_nodes_have_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "psql", World(1).psql)
    assert segments.unused(NODES, Settings()) == {"srv2": ["00000001000000000000000A"]}
