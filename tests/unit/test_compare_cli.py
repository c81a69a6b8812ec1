"""Hours of measuring do not end with the first lab that falls ill."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from paf_lab.compare import cli
from paf_lab.errors import LabError
from tests.unit.drill_world import good
from tests.unit.test_compare import judged

Compare = Callable[..., tuple[Result, dict[str, Any], list[str]]]


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Compare:
    """Runs `lab compare` on a lab that has nothing but a list of what was done to it. A trial
    cannot begin where `ill` says so: it gets the topology's name and how often it was built.
    """

    def run(ill: Callable[[str, int], bool]) -> tuple[Result, dict[str, Any], list[str]]:
        done: list[str] = []

        def perform(target: Any, *_: Any) -> Any:
            name = target.topology.name
            if ill(name, done.count(name)):
                raise LabError("PostgreSQL on srv2 is down")
            return judged(good())

        monkeypatch.setattr(cli, "RECORDS", tmp_path)
        monkeypatch.setattr("paf_lab.lock.RUN", tmp_path / "run")
        monkeypatch.setattr("paf_lab.lifecycle.down", lambda **_: done.append("down"))
        monkeypatch.setattr("paf_lab.lifecycle.up", lambda _, name: done.append(name))
        monkeypatch.setattr("paf_lab.drill.commands.versions", lambda *_: {})
        monkeypatch.setattr("paf_lab.compare.trial.perform", perform)
        file = tmp_path / "compared.json"
        words = ["vip", "sql-check", "--drills", "switchover", "--repeat", "2", "--no-steady"]
        result = CliRunner().invoke(cli.compare, [*words, "--json", str(file)])
        return result, json.loads(file.read_text())["topologies"], done

    return run


def test_all_is_well(compare: Compare) -> None:
    result, found, done = compare(lambda name, built: False)
    assert result.exit_code == 0, result.output
    assert [len(each["trials"]) for each in found.values()] == [2, 2]
    assert done == ["down", "vip", "down", "down", "sql-check", "down"]


def test_a_lab_that_falls_ill_is_built_anew(compare: Compare) -> None:
    result, found, done = compare(lambda name, built: name == "vip" and built == 1)
    assert result.exit_code == 1
    assert [len(each["trials"]) for each in found.values()] == [2, 2]
    assert found["vip"]["notes"] == ["built anew before switchover 1: PostgreSQL on srv2 is down"]
    assert done.count("vip") == 2


def test_one_that_stays_ill_is_given_up_and_no_other(compare: Compare) -> None:
    result, found, done = compare(lambda name, built: name == "vip")
    assert result.exit_code == 1
    assert [len(each["trials"]) for each in found.values()] == [0, 2]
    assert found["vip"]["notes"][-1] == "given up: PostgreSQL on srv2 is down"
    assert done[-1] == "down"
