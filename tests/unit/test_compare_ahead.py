"""A page of ours says where others are better."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from paf_lab.compare import report, tables
from paf_lab.compare.ahead import ahead
from paf_lab.compare.figures import Summary
from paf_lab.compare.report import Result
from paf_lab.compare.service import Service, Shares
from paf_lab.topology import ALL, DEFAULT
from tests.unit.drill_world import good
from tests.unit.test_compare import STEADY, judged

OURS = Summary(
    topology=DEFAULT, drill="switchover", trials=5, troubles=(), outage=2.0, worst_outage=2.5,
    absence=1.6,
    ratio=1.25, worst_ratio=1.4, connections=900, failed=1, writes=1800, misrouted=1, held=30,
    acknowledged=1700, lost=1, two_primaries=0, agreement=0.05, stray_reads=2,
    service=Service(
        gaps=2.4, read_outage=1.0, read_gaps=1.5, sessions=15, sessions_lost=3, pooled=400,
        pooled_failed=2, open_loop=Shares(100, (0.5, 0.8, 0.9, 0.95)),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("outage", 1.5, ("write outage", "2.00 s", "vip 1.50 s")),
        ("worst_outage", 1.5, ("write outage, worst", "2.50 s", "vip 1.50 s")),
        ("absence", 1.5, ("PostgreSQL away", "1.60 s", "vip 1.50 s")),
        ("worst_ratio", 1.3, ("worst ratio", "1.40", "vip 1.30")),
        ("stray_reads", 0, ("reads answered by a primary", "2", "vip 0")),
        ("ratio", 1.1, ("ratio", "1.25", "vip 1.10")),
        ("failed", 0, ("failed", "1", "vip 0")),
        ("misrouted", 0, ("misrouted", "1", "vip 0")),
        ("lost", 0, ("rows lost", "1", "vip 0")),
        ("agreement", 0.01, ("agreement", "0.05 s", "vip 0.01 s")),
    ],
)
def test_who_is_better_is_named(field: str, value: float, told: tuple[str, ...]) -> None:
    other: Summary = replace(OURS, **{field: value})  # type: ignore[arg-type]
    assert ahead({"switchover": {DEFAULT: OURS, "vip": other}}, {}) == [("switchover", *told)]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("gaps", 2.0, ("sum of gaps", "2.40 s", "vip 2.00 s")),
        ("read_outage", 0.3, ("read outage", "1.00 s", "vip 0.30 s")),
        ("read_gaps", 0.6, ("sum of gaps of readers", "1.50 s", "vip 0.60 s")),
        ("sessions_lost", 0, ("sessions lost", "3", "vip 0")),
        ("pooled_failed", 0, ("errors through PgBouncer", "2", "vip 0")),
        (
            "open_loop",
            Shares(100, (0.5, 0.8, 0.92, 0.95)),
            ("not served within 5 s", "10.0 %", "vip 8.0 %"),
        ),
    ],
)
def test_who_served_better_is_named(field: str, value: Any, told: tuple[str, ...]) -> None:
    other = replace(OURS, service=replace(OURS.service, **{field: value}))
    assert ahead({"switchover": {DEFAULT: OURS, "vip": other}}, {}) == [("switchover", *told)]


def test_who_has_no_pooler_is_not_ahead_of_it() -> None:
    none = replace(OURS.service, pooled=0, pooled_failed=0, open_loop=None)
    assert ahead({"switchover": {DEFAULT: OURS, "vip": replace(OURS, service=none)}}, {}) == []


def test_who_is_not_better_is_not() -> None:
    worse = replace(OURS, outage=math.inf, failed=9, ratio=math.nan, agreement=math.nan)
    assert ahead({"switchover": {DEFAULT: OURS, "vip": worse, "same": OURS}}, {}) == []


def test_the_best_comes_first() -> None:
    found = {DEFAULT: OURS, "b": replace(OURS, outage=1.9), "a": replace(OURS, outage=1.2)}
    assert ahead({"poweroff": found}, {})[0][3] == "a 1.20 s, b 1.90 s"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cpu": 80.0}, ("CPU of a node", "120 s/h", "vip 80 s/h")),
        ({"connect": (0.003, 0.003)}, ("connect, added", "+1.00 ms", "vip +0.00 ms")),
        ({"query": (0.0004, 0.0004)}, ("query, added", "+0.10 ms", "vip +0.00 ms")),
        ({"tps": {**STEADY.tps, "write": (99.0, 100.0)}}, ("pgbench, write", "0.95", "vip 0.99")),
    ],
)
def test_at_rest(change: dict[str, Any], told: tuple[str, ...]) -> None:
    steady = {DEFAULT: STEADY, "vip": replace(STEADY, **change)}
    assert ahead({}, steady) == [("at rest", *told)]


def test_without_ours_there_is_nothing_to_say() -> None:
    assert ahead({"switchover": {"vip": OURS}}, {"vip": STEADY}) == []


def test_it_stands_on_the_page() -> None:
    quick = replace(judged(good()), topology="vip", outage=0.1)
    results = [Result(ALL[DEFAULT], trials=[judged(good())]), Result(ALL["vip"], trials=[quick])]
    titles = [title for title, _, _ in report.tables(results)]
    assert titles == ["switchover", f"switchover: {tables.MORE}", tables.AHEAD]
    assert tables.AHEAD not in [title for title, _, _ in report.tables(results[:1])]
    told = report.as_json(results, {})["ahead"]
    assert {"drill": "switchover", "figure": "write outage", "ours": told[0]["ours"],
            "ahead": "vip 0.10 s"} == told[0]  # fmt: skip
