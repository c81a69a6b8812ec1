"""The course of `lab drill sweep`: one switchover for each moment, and what is written down."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from paf_lab.drill.sweep import cli
from paf_lab.drill.sweep.strike import Blow, Strike
from paf_lab.drill.verdict import Run
from paf_lab.errors import LabError
from tests.unit.drill_world import good

MEASURED = {"commit": "abc", "date": "2026-11-29T00:00:00+00:00", "cpus": 2, "load": 0.1}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """bad: the moments (ms) at which rows are lost. broken: that at which nothing can begin."""
    found = SimpleNamespace(done=[], bad=set(), broken=None)

    def perform(strike: Strike, number: int, target: Any, place: Path, view: Any) -> Run:
        moment = round(strike.offset * 1000)
        found.done.append((number, place.name))
        if moment == found.broken:
            raise LabError("the cluster is not whole")
        strike.blow, strike._where = Blow(strike.offset + 0.01, 77), "srv1"
        evidence = replace(good(), rows={}) if moment in found.bad else good()
        return Run(strike.name, number, evidence, tuple(strike.judge(evidence)), ())

    target = SimpleNamespace(
        check=lambda: None, repair=lambda: found.done.append("repair"), nodes=[None]
    )
    monkeypatch.setattr(cli, "perform", perform)
    monkeypatch.setattr(cli, "LabTarget", lambda: target)
    monkeypatch.setattr(cli, "alone", contextlib.nullcontext)
    monkeypatch.setattr(cli, "stamp", lambda: MEASURED)
    monkeypatch.setattr(cli, "STATE", tmp_path)
    monkeypatch.setattr("paf_lab.drill.commands.versions", lambda *_: {"haproxy": "2.6"})
    monkeypatch.setattr("paf_lab.drill.report.LiveView", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return found


def run(file: Path, until: int = 100) -> tuple[int, dict[str, Any]]:
    words = ["worker", "--from", "0", "--to", str(until), "--step", "50", "--json", str(file)]
    done = CliRunner().invoke(cli.sweep, words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, json.loads(file.read_text())


def test_a_sweep_that_passes(world: Any, tmp_path: Path) -> None:
    code, found = run(tmp_path / "sweep.json")
    assert code == 0 and found["passed"]
    assert world.done == [(1, "at-00000"), (2, "at-00050"), (3, "at-00100")]
    assert [row["at"] for row in found["rows"]] == [0, 0.05, 0.1]
    assert found["commit"] == "abc" and found["versions"] == {"haproxy": "2.6"}
    assert (found["sweep"], found["from"], found["to"], found["step"]) == ("worker", 0, 100, 50)
    assert found["limit_without_primary"] == 6 and found["switchovers"] == 3


def test_one_bad_moment_fails_the_sweep_and_is_repaired(world: Any, tmp_path: Path) -> None:
    world.bad = {50}
    code, found = run(tmp_path / "sweep.json")
    assert code == 1 and not found["passed"]
    assert [row["passed"] for row in found["rows"]] == [True, False, True]
    assert world.done == [(1, "at-00000"), (2, "at-00050"), "repair", (3, "at-00100")]


def test_what_was_seen_before_a_sweep_ends_early(world: Any, tmp_path: Path) -> None:
    world.broken = 100
    code, found = run(tmp_path / "sweep.json", until=200)
    assert code == 1 and not found["passed"] and len(found["rows"]) == 2
