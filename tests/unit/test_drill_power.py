"""A power cut is verified by the node itself: it is off, or has booted since."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab.drill.faults.power import PowerOffPrimary
from paf_lab.errors import LabError


class Node:
    """after: what the switch really does to it."""

    def __init__(self, after: Callable[[Node], None]) -> None:
        self.boot_id: str | None = "first\n"
        self._after = after

    @property
    def running(self) -> bool:
        return self.boot_id is not None

    def run(self, *argv: str) -> Any:
        assert argv == ("cat", "/proc/sys/kernel/random/boot_id")
        if self.boot_id == "lost":
            raise LabError("srv1: ssh does not reach it")
        return SimpleNamespace(stdout=self.boot_id)

    def power_off(self) -> None:
        self._after(self)


def cut(after: str | None) -> None:
    node = Node(lambda node: setattr(node, "boot_id", after))
    stage: Any = SimpleNamespace(nodes={"srv1": node}, primary="srv1", say=lambda *words: None)
    PowerOffPrimary().inject(stage)


@pytest.mark.parametrize("after", [None, "second\n", "lost"])
def test_off_or_fenced_already_or_going_off(after: str | None) -> None:
    cut(after)


def test_a_switch_that_does_nothing_is_noticed() -> None:
    with pytest.raises(LabError, match=r"^srv1 still runs$"):
        cut("first\n")
