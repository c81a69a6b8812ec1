"""Drill slow-promote: the candidate is ahead of the other standby when the power goes."""

from __future__ import annotations

from typing import Any

import pytest

from paf_lab.drill import commands
from paf_lab.drill.faults.combined import LAG, RECEIVER, SlowPromote
from tests.unit.faults_world import Stage


@pytest.fixture
def stage() -> Any:
    made = Stage()
    for node in made.nodes.values():
        node.answers |= {LAG: "200\n", RECEIVER: "4711\n"}
    return made


def test_only_the_candidate_receives_the_last_wal(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"srv2": 990, "srv3": 1000}
    monkeypatch.setattr(commands, "score", lambda _, resource, where: scores[where])
    drill = SlowPromote()
    drill.inject(stage)
    done = [each for each in stage.done if "kill" in each or "power" in each or "rest" in each]
    assert done == [
        "srv2: kill -STOP 4711",
        "rest 0.5",
        "srv1: power off",
        "srv2: kill -CONT 4711",
    ]
    drill.undo(stage)
    assert sum("-CONT" in each for each in stage.done) == 1


def test_a_receiver_goes_on_although_the_drill_failed(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "score", lambda *_: 1000)
    monkeypatch.setattr(stage, "rest", lambda _: 1 / 0)
    drill = SlowPromote()
    with pytest.raises(ZeroDivisionError):
        drill.inject(stage)
    drill.undo(stage)
    assert any(each.endswith("kill -CONT 4711") for each in stage.done)
