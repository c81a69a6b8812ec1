"""`lab drill false-alarms`: its rows, and what it makes of them."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab.drill.alarms import cli, perform
from paf_lab.drill.alarms.row import PRIMARY, ROWS, STANDBY, Row
from paf_lab.errors import LabError


def test_there_are_two_controls_and_24_conditions() -> None:
    assert [row.name for row in ROWS if row.reports] == ["crash", "crash-twice"]
    assert len(ROWS) >= 26
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_scripts_are_valid(row: Row) -> None:
    for script in (row.apply, row.undo):
        done = subprocess.run(["sh", "-nc", script], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_a_row_that_is_not_there() -> None:
    assert [row.name for row in cli.chosen(("crash",))] == ["crash"]
    assert len(cli.chosen(())) == len(ROWS)
    with pytest.raises(LabError, match="no row bogus"):
        cli.chosen(("bogus",))


class Node:
    def __init__(self) -> None:
        self.reports = 3
        self.code = 0
        self.more = 0
        self.done: list[str] = []

    def run(self, *argv: str, **_: Any) -> Any:
        script = argv[-1]
        if "journalctl" in script:
            return SimpleNamespace(stdout=f"{self.reports}\n")
        self.done.append(script)
        self.reports += self.more if script == "apply" else 0
        return SimpleNamespace(returncode=self.code, stderr="no such thing\n")


class Scene:
    def __init__(self) -> None:
        self.nodes = {"srv1": Node(), "srv2": Node()}
        self.settings = SimpleNamespace(slowness=0.0)
        self.answers = [True, True]
        self.repaired = False

    def whole(self, _: float) -> bool:
        return self.answers.pop(0)

    def primary(self) -> str:
        return "srv1"

    def repair(self) -> None:
        self.repaired = True


def run(scene: Scene, row: Row) -> perform.Outcome:
    return perform.perform(row, scene, lambda _: None)  # type: ignore[arg-type]


ROW = Row("name", "text", "apply", "undo")


def test_a_row_without_a_report() -> None:
    scene = Scene()
    outcome = run(scene, ROW)
    assert (outcome.victim, outcome.reports, outcome.passed) == ("srv1", 0, True)
    assert scene.nodes["srv1"].done == ["apply", "undo"]
    assert run(Scene(), Row("name", "text", "apply", where=STANDBY)).victim == "srv2"
    assert ROW.where == PRIMARY


def test_a_false_alarm() -> None:
    scene = Scene()
    scene.nodes["srv1"].more = 1
    assert not run(scene, ROW).passed


def test_a_crash_that_is_not_reported() -> None:
    assert not run(Scene(), Row("name", "text", "apply", reports=1)).passed


def test_a_row_that_did_nothing() -> None:
    scene = Scene()
    scene.nodes["srv1"].code = 1
    outcome = run(scene, ROW)
    assert (outcome.passed, outcome.trouble) == (False, "no such thing")


def test_a_cluster_that_does_not_come_back() -> None:
    scene = Scene()
    scene.answers = [True, False]
    assert not run(scene, ROW).passed and scene.repaired
    scene.answers = [False]
    with pytest.raises(LabError, match="not whole before name"):
        run(scene, ROW)
