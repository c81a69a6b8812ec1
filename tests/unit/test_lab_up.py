"""`lab up` boots nodes that were fenced while it built. If that fails, it says what to type."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from paf_lab import lifecycle
from paf_lab.errors import LabError
from paf_lab.topology import Topology

WHY = "srv1 does not run: lab up"
SAID = "srv1 does not run; lab status and lab logs NODE tell more"


class Node:
    def __init__(self, name: str, running: bool, boots: bool = True) -> None:
        self.name, self.running, self.boots = name, running, boots

    def boot(self) -> None:
        self.running = self.boots

    def await_ready(self) -> None:
        if not self.running:
            raise LabError(f"{self.name} has not booted")


class Built(Topology):
    """It can be built if all nodes run. reason: why it cannot all the same."""

    def __init__(self, nodes: list[Node], reason: str = "") -> None:
        self.nodes, self.reason = nodes, reason
        self.tries = 0

    def build(self, step: Any) -> None:
        self.tries += 1
        for node in self.nodes:
            if not node.running:
                raise LabError(f"{node.name} does not run: lab up")
        if self.reason:
            raise LabError(self.reason)


def build(
    monkeypatch: pytest.MonkeyPatch, nodes: list[Node], reason: str = ""
) -> tuple[Built, list[str]]:
    steps: list[str] = []

    @contextlib.contextmanager
    def step(text: str) -> Iterator[None]:
        steps.append(text)
        yield

    what = Built(nodes, reason)
    monkeypatch.setattr(lifecycle, "ALL", tuple(nodes))
    lifecycle.build(what, step)
    return what, steps


def test_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    what, steps = build(monkeypatch, [Node("srv1", True)])
    assert (what.tries, steps) == (1, [])


def test_a_node_that_was_fenced_is_booted(monkeypatch: pytest.MonkeyPatch) -> None:
    what, steps = build(monkeypatch, [Node("srv1", False), Node("srv2", True)])
    assert (what.tries, steps) == (2, ["boot srv1 again"])


def test_what_is_still_missing_is_said_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    for node in (Node("srv1", True), Node("srv1", False)):
        with pytest.raises(LabError, match="PostgreSQL on srv1 is down; lab status") as raised:
            build(monkeypatch, [node], "PostgreSQL on srv1 is down")
        assert "lab down and lab up" in str(raised.value)


def test_nobody_is_told_to_type_what_he_typed() -> None:
    assert lifecycle.advice(WHY).startswith(SAID)
