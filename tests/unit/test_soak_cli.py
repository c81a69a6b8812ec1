"""`lab soak`: what it refuses, what it writes down, and its exit code."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from paf_lab.drill import commands
from paf_lab.errors import LabError
from paf_lab.soak import cli, draw, faults, run, schedule, table
from paf_lab.soak.oracle import Violation
from paf_lab.soak.round import Round
from paf_lab.soak.schedule import Schedule
from tests.unit.soak_world import a_round

LOST = Violation("lost", 1, "srv1/writer #1: no row")


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """Returns a lab whose rounds come from a list. rounds: rounds, or what is raised. played: the
    schedules of all rounds.
    """
    made = SimpleNamespace(rounds=[], played=[], rested=0)
    node = SimpleNamespace(name="srv1")

    class Scene:
        def __init__(self, *_: object) -> None:
            self.nodes = {"srv1": node}
            self.anyone = node
            self.access = None

        def leader(self) -> str:
            return "srv1"

        def rest(self, seconds: float) -> None:
            made.rested += 1

    def rounds(bursts: Any, *_: Any, **options: Any) -> Iterator[Round]:
        made.played.append(next(iter(bursts)))
        for each in made.rounds:
            if isinstance(each, BaseException):
                raise each
            yield each

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "Scene", Scene)
    monkeypatch.setattr(cli, "LabTarget", lambda: SimpleNamespace(check=lambda: None))
    monkeypatch.setattr(cli, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(cli, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(cli, "alone", contextlib.nullcontext)
    monkeypatch.setattr(cli, "stamp", lambda: {"commit": "1234567"})
    monkeypatch.setattr(run, "prepare", lambda scene: None)
    monkeypatch.setattr(run, "rounds", rounds)
    monkeypatch.setattr(faults, "impossible", lambda scene: {"packet-loss": "no such match"})
    monkeypatch.setattr(commands, "versions", lambda *_: {"pacemaker": "2.1.5"})
    monkeypatch.setattr(table, "drop", lambda *_: None)
    monkeypatch.setattr(table, "make", lambda *_: None)
    return made


def soak(*words: object) -> Result:
    return CliRunner().invoke(cli.soak, [str(word) for word in words])


def test_a_soak_writes_its_summary(lab: SimpleNamespace, tmp_path: Path) -> None:
    lab.rounds = [a_round(1), a_round(2)]
    done = soak("--hours", 1, "--seed", 7, "--json", "out/soak.json")
    assert done.exit_code == 0 and "passed" in done.output
    found = json.loads((tmp_path / "out" / "soak.json").read_text())
    assert (found["commit"], found["seed"], found["hours"]) == ("1234567", 7, 1.0)
    assert found["versions"] == {"pacemaker": "2.1.5"} and found["passed"]
    assert found["rounds"] == 2 and found["impossible"] == {"packet-loss": "no such match"}
    assert lab.played == [draw.burst(7, 1, ["packet-loss"])] and lab.rested


@pytest.mark.parametrize(
    ("rounds", "trouble"),
    [
        ([a_round(1), a_round(2, LOST)], ""),
        ([a_round(1), LabError("no node runs")], "no node runs"),
        ([a_round(1), KeyboardInterrupt()], "interrupted"),
        ([], ""),
    ],
)
def test_whatever_ends_a_soak_its_summary_is_written(
    lab: SimpleNamespace, rounds: list[object], trouble: str
) -> None:
    lab.rounds = rounds
    done = soak("--json", "soak.json")
    assert done.exit_code == 1 and "FAILED" in done.output
    found = json.loads(Path("soak.json").read_text())
    assert found["trouble"] == trouble and not found["passed"]
    assert found["rounds"] == sum(isinstance(each, Round) for each in rounds)


def test_a_soak_that_is_killed_has_written_its_rounds(lab: SimpleNamespace) -> None:
    class Killed(BaseException):
        pass

    lab.rounds = [a_round(1), Killed()]
    with pytest.raises(Killed):
        soak("--json", "soak.json")
    found = json.loads(Path("soak.json").read_text())
    assert (found["rounds"], found["passed"]) == (1, False)


def test_a_schedule_is_replayed(lab: SimpleNamespace) -> None:
    written = Schedule(draw.burst(7, 3), 7)
    written.write(Path("failed.json"))
    lab.rounds = [a_round(1)]
    assert soak("--replay", "failed.json").exit_code == 0
    assert lab.played == [written.entries]


def test_a_schedule_is_shrunk_and_kept(lab: SimpleNamespace, tmp_path: Path) -> None:
    Schedule(draw.burst(7, 3), 7).write(Path("failed.json"))
    lab.rounds = [a_round(1, LOST)]
    done = soak("--shrink", "failed.json", "--runs", 20)
    assert done.exit_code == 0
    file = tmp_path / "results" / "seed-7-burst-3.json"
    assert len(schedule.read(file).entries) == 1, "it fails whichever fault is left"
    found = json.loads(file.read_text())
    assert (found["kinds"], found["minimal"], found["commit"]) == (["lost"], True, "1234567")
    assert found["runs"] == len(lab.played)


@pytest.mark.parametrize(
    "words", [("--seed", "1", "--replay", "a"), ("--replay", "a", "--shrink", "a")]
)
def test_options_that_exclude_each_other(lab: SimpleNamespace, words: tuple[str, ...]) -> None:
    Path("a").touch()
    done = soak(*words)
    assert done.exit_code == 2 and "exclude one another" in done.output


def test_logs_of_two_soaks_are_not_mixed(lab: SimpleNamespace) -> None:
    Path("kept").mkdir()
    Path("kept/old").touch()
    done = soak("--keep", "kept")
    assert str(done.exception) == "kept is not empty: give --keep another directory"
