"""Requests at a fixed rate: shares, percentiles, and what a time without service costs."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hdrh.histogram import HdrHistogram

from paf_lab.access import OPEN
from paf_lab.drill import latency, verdict
from paf_lab.drill.audits import Evidence
from paf_lab.drill.records import ACK, REFUSED
from paf_lab.drill.settings import Settings
from paf_lab.errors import LabError
from tests.unit.drill_world import STARTED, attempt, good


def asked(took: Sequence[float | None], node: str = "srv2") -> Evidence:
    """Returns a switchover with requests every 0.1 s from the event on; None: refused."""
    world = good()
    found = []
    for number, seconds in enumerate(took):
        start = STARTED + number * 0.1
        outcome = REFUSED if seconds is None else ACK
        end = start + (seconds or 1.0)
        found.append(attempt(f"{node}/{OPEN}", number + 1, start, end=end, outcome=outcome))
    return replace(world, seen=replace(world.seen, attempts=(*world.seen.attempts, *found)))


def measured(world: Evidence) -> latency.Latency:
    found = latency.measured(world)
    assert found is not None
    return found


def test_shares_count_all_requests() -> None:
    found = measured(asked([0.01] * 6 + [0.5, 3.0, 40.0, None]))
    assert (found.requests, found.answered) == (10, 9)
    assert found.shares == {0.1: 0.6, 1.0: 0.7, 5.0: 0.8, 30.0: 0.8}


def test_percentiles_are_those_of_the_histogram() -> None:
    found = measured(asked([0.01] * 99 + [2.0]))
    assert found.percentiles[50.0] == pytest.approx(0.01, rel=0.01)
    assert found.percentiles[100.0] == pytest.approx(2.0, rel=0.01)
    again = HdrHistogram.decode(found.histogram.encode())
    assert again.get_total_count() == 100


def test_a_time_without_service_costs_every_request_that_was_due() -> None:
    """1.5 s at ten a second."""
    waits = [max(0.01, 1.5 - number * 0.1) for number in range(30)]
    assert measured(asked(waits)).shares[0.1] == pytest.approx(0.5, abs=0.05)


def test_clients_of_a_node_that_is_down_are_excused() -> None:
    world = replace(asked([None] * 5), died=frozenset({"srv2"}))
    assert latency.measured(world) is None


def test_there_is_none_without_such_clients() -> None:
    assert latency.measured(good()) is None


def test_it_is_in_the_report() -> None:
    run = verdict.Run("switchover", 1, asked([0.01, 2.0]), (), ())
    assert verdict.as_json(run)["open_loop"]["shares"]["1"] == 0.5
    assert "open_loop" not in verdict.as_json(verdict.Run("switchover", 1, good(), (), ()))


def test_the_rate() -> None:
    settings = Settings().with_open_loop(4)
    assert settings.clients("srv1", "secret")["every"][OPEN] == 0.25
    assert OPEN not in Settings().every


def test_the_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    latency.check()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(LabError, match="pip install"):
        latency.check()
