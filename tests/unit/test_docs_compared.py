"""README's table of the comparison says what was measured, bad things too."""

from __future__ import annotations

from typing import Any

from tests.unit.test_docs_drills import load

compared = load("compared")
GOOD = {
    "outage": 2.0, "ratio": 1.25, "failed": 0, "connections": 900, "misrouted": 0, "writes": 1800,
    "lost": 0, "acknowledged": 1700,
}  # fmt: skip
BAD = {**GOOD, "outage": None, "ratio": None, "failed": 7, "misrouted": 5, "lost": 3}


def report(**drills: Any) -> dict[str, Any]:
    missing = {"not_run": "no IPVS", "drills": {}}
    return {"topologies": {"vip": {"not_run": "", "drills": drills}, "lvs": missing}}


def test_a_row_for_each_that_was_run() -> None:
    header, line, *rows = compared.table(report(switchover=GOOD, poweroff=GOOD)).splitlines()
    assert rows == [
        "| `vip` | 2.00 s | 1.25 | 0 of 900 | 0 of 1800 | 2.00 s | 0 of 900 | 0 of 1800 "
        "| 0 of 3400 |"
    ]
    assert header.count("|") == line.count("|") == rows[0].count("|")


def test_what_went_wrong() -> None:
    text = compared.table(report(switchover=BAD, poweroff=BAD))
    assert "| never | - | 7 of 900 | 5 of 1800 | never | 7 of 900 | 5 of 1800 | 6 of 3400 |" in text


def test_a_fault_that_was_left_out() -> None:
    text = compared.table(report(**{"kill-haproxy": BAD}))
    assert "| `vip` | - | - | - | - | - | - | - | 3 of 1700 |" in text


SERVICE = {"gaps": 3.5, "sessions": 15, "sessions_lost": 4}


def test_gaps_and_sessions_of_reports_that_have_them() -> None:
    assert "sum of gaps" not in compared.table(report(switchover=GOOD))
    text = compared.table(report(switchover={**GOOD, "service": SERVICE}, poweroff=GOOD))
    header, line, row = text.splitlines()
    assert row.endswith("| 0 of 3400 | 3.50 s | 4 of 15 | - | - |")
    assert header.count("|") == line.count("|") == row.count("|")


def test_where_another_one_is_better() -> None:
    better = {"drill": "switchover", "figure": "failed", "ours": "1", "ahead": "vip 0"}
    text = compared.table({**report(switchover=GOOD), "ahead": [better]})
    *_, empty, header, line, row = text.splitlines()
    assert (empty, row) == ("", "| switchover | failed | 1 | vip 0 |")
    assert header.count("|") == line.count("|") == row.count("|")
