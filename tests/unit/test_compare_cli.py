"""Hours of measuring do not end with the first lab that falls ill."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from paf_lab.access import OPEN, POOLED
from paf_lab.compare import cli
from paf_lab.drill.settings import Settings
from paf_lab.errors import LabError
from tests.unit.drill_world import good
from tests.unit.test_compare import judged

Compare = Callable[..., tuple[Result, dict[str, Any], list[str]]]
settings: list[Settings] = []
"""With which the clients of each trial worked."""
told: dict[str, Any] = {}
"""The whole report."""


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Compare:
    """Runs `lab compare` on a lab that has nothing but a list of what was done to it. A trial
    cannot begin where `ill` says so: it gets the topology's name and how often it was built.
    """

    def run(
        ill: Callable[[str, int], bool], *options: str
    ) -> tuple[Result, dict[str, Any], list[str]]:
        done: list[str] = []

        def perform(target: Any, *_: Any) -> Any:
            name = target.topology.name
            if ill(name, done.count(name)):
                raise LabError("PostgreSQL on srv2 is down")
            settings.append(target.settings)
            return judged(good())

        def pool(_: Any) -> int:
            done.append("pool")
            return 6432

        settings.clear()
        monkeypatch.setattr("paf_lab.disorder.DELAY", tmp_path / "power-delay")
        monkeypatch.setattr("paf_lab.topology.proxy.OnPafWithProxy.pool", pool)
        monkeypatch.setattr(cli, "RECORDS", tmp_path)
        monkeypatch.setattr("paf_lab.lock.RUN", tmp_path / "run")
        monkeypatch.setattr("paf_lab.lifecycle.down", lambda **_: done.append("down"))
        monkeypatch.setattr("paf_lab.lifecycle.up", lambda _, name: done.append(name))
        monkeypatch.setattr("paf_lab.drill.commands.versions", lambda *_: {})
        monkeypatch.setattr("paf_lab.compare.trial.perform", perform)
        file = tmp_path / "compared.json"
        words = ["vip", "sql-check", "--drills", "switchover", "--repeat", "2", "--no-steady"]
        result = CliRunner().invoke(cli.compare, [*words, "--json", str(file), *options])
        told.clear()
        told.update(json.loads(file.read_text()))
        return result, told["topologies"], done

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


def healthy(name: str, built: int) -> bool:
    return False


def test_without_options_nothing_is_added(compare: Compare) -> None:
    compare(healthy)
    assert {each.retry_pause for each in settings} == {0.0}
    assert all(OPEN not in each.every and POOLED not in each.every for each in settings)
    assert told["command"].endswith("vip sql-check --drills switchover --repeat 2 --no-steady")
    assert told["options"]["fencing_delay"] == 0 and not (told["options"]["pooled"])


def test_the_power_is_cut_later(compare: Compare, tmp_path: Path) -> None:
    compare(healthy, "--fencing-delay", "5")
    assert (tmp_path / "power-delay").read_text() == "5"
    assert told["options"]["fencing_delay"] == 5 and "--fencing-delay 5" in told["command"]
    compare(healthy)
    assert not (tmp_path / "power-delay").exists()


def test_a_delay_that_the_fence_agent_does_not_wait_for(compare: Compare) -> None:
    words = ["vip", "--fencing-delay", "60"]
    assert "--fencing-delay" in CliRunner().invoke(cli.compare, words).output


def test_pooled_sessions_where_there_is_a_pooler(compare: Compare) -> None:
    _, found, done = compare(healthy, "--pooled")
    assert done.count("pool") == 1, "clients of a virtual address have no HAProxy on their node"
    assert [POOLED in each.every for each in settings] == [False, False, True, True]
    assert POOLED in found["sql-check"]["settings"]["every"]


def test_a_fixed_rate(compare: Compare) -> None:
    compare(healthy, "--open-loop", "4")
    assert {each.every[OPEN] for each in settings} == {0.25}


def test_slower_clients_come_in_turn(compare: Compare) -> None:
    _, found, _ = compare(healthy, "--slower-clients", "2")
    assert [each.retry_pause for each in settings] == [0, 2, 2, 0] * 2
    assert [len(each["trials"]) for each in found.values()] == [4, 4]


def test_the_page_is_there_before_all_is_measured(
    compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[str]] = []
    monkeypatch.setattr("paf_lab.compare.picture.check", lambda: None)
    monkeypatch.setattr(
        "paf_lab.compare.picture.draw",
        lambda results, *_: drawn.append([each.topology.name for each in results]),
    )
    page = tmp_path / "page.md"
    compare(lambda name, built: name == "sql-check", "--page", str(page))
    assert drawn == [["vip"], ["vip", "sql-check"]]
    assert "- sql-check: given up: PostgreSQL on srv2 is down" in page.read_text()
