"""`lab bench beside`: two commits measured in turn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from paf_lab.bench import beside
from paf_lab.errors import LabError


def lab(order: list[str], which: str, cpu: float, share: float = 1.0) -> beside.Run:
    def measured(words: Sequence[str]) -> Any:
        order.append(f"{which} {words[1]}")
        return {
            "versions": {"haproxy": "2.6"},
            "cpu_seconds_per_hour": [
                {"who": "paf-haproxy", "cpu": cpu},
                {"who": "deck", "cpu": 500.0},
            ],
            "tps": {
                "select": {"paf-haproxy": [share * 9000], "plain HAProxy": [9000], "direct": [1]}
            },
        }

    return measured


def figures(cpu: float, share: float = 1.0) -> tuple[list[beside.Figure], list[str]]:
    order: list[str] = []
    old, new = lab(order, "old", 100), lab(order, "new", cpu, share)
    found, versions = beside.measure(old, new, ["idle", "throughput"], 3, lambda line: None)
    assert versions == {"haproxy": "2.6"}
    return found, order


def test_each_commit_is_first_in_turn() -> None:
    _, order = figures(100)
    turn = ["old idle", "new idle", "old throughput", "new throughput"]
    swapped = ["new idle", "old idle", "new throughput", "old throughput"]
    assert order == turn + swapped + turn


@pytest.mark.parametrize(
    ("cpu", "share", "good"),
    [(109, 1.0, [True, True]), (111, 1.0, [False, True]), (50, 0.90, [True, False])],
)
def test_worse(cpu: float, share: float, good: list[bool]) -> None:
    """More CPU is worse; a higher throughput is better."""
    found, _ = figures(cpu, share)
    assert [finding.passed for finding in beside.judge(found)] == good


def test_what_is_written() -> None:
    found, _ = figures(110)
    told = beside.as_json(found, {"old": "1234567", "new": "89abcde"})
    assert told["commits"] == {"old": "1234567", "new": "89abcde"}
    assert told["figures"][0]["old"] == (100, 100, 100)
    assert told["figures"][0]["ratio"] == pytest.approx(1.1)


def test_a_third_lab_is_refused() -> None:
    beside.refuse_a_third_lab([])
    with pytest.raises(LabError, match="srv1, srv2 of this lab would disturb"):
        beside.refuse_a_third_lab(["srv1", "srv2"])


def test_a_checkout_without_a_lab(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="setup"), beside.lab_of(tmp_path, "old"):
        pass


def test_a_lab_is_taken_down(tmp_path: Path) -> None:
    """Also if a measurement writes no figures."""
    program = tmp_path / ".venv" / "bin" / "lab"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$PAF_LAB $1" >>{tmp_path}/said\n')
    program.chmod(0o755)
    with pytest.raises(LabError, match="wrote no figures"), beside.lab_of(tmp_path, "old") as lab:
        lab(["bench"])
    assert (tmp_path / "said").read_text().splitlines() == ["old up", "old bench", "old down"]
