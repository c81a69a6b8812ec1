"""How clients were served: all gaps, lost sessions, readers, requests at a fixed rate."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from paf_lab.access import CONNECTING, OPEN, POOLED, READER, SESSION
from paf_lab.compare import service, tables
from paf_lab.compare.figures import summary, trial
from paf_lab.compare.service import Service, Shares
from paf_lab.drill.audits import Evidence
from paf_lab.drill.records import ACK, REFUSED, UNKNOWN
from paf_lab.drill.unserved import COUNTED, Unserved
from tests.unit.drill_world import OUT_OF_RECOVERY, SETTLED, STARTED, attempt, good, spoil


def without(evidence: Evidence, kind: str, since: float, until: float) -> Evidence:
    """Returns the evidence with a time in which no client of a kind is answered."""
    kept = tuple(
        each for each in evidence.seen.attempts if each.kind != kind or not since < each.end < until
    )
    return replace(evidence, seen=replace(evidence.seen, attempts=kept))


def more(evidence: Evidence, *found: object) -> Evidence:
    attempts = (*evidence.seen.attempts, *found)
    return replace(evidence, seen=replace(evidence.seen, attempts=attempts))  # type: ignore[arg-type]


def test_one_gap_is_the_sum_of_all() -> None:
    found = service.gaps(good(), CONNECTING)
    assert found.longest == pytest.approx(1.65, abs=0.11) and found.total == found.longest


def test_a_second_gap_is_added() -> None:
    twice = without(good(), CONNECTING, OUT_OF_RECOVERY + 0.2, OUT_OF_RECOVERY + 1.2)
    once, both = (service.gaps(each, CONNECTING) for each in (good(), twice))
    assert both.longest == once.longest
    assert both.total == pytest.approx(once.total + 1.0, abs=0.21)


def test_short_gaps_are_no_gaps_but_the_longest_counts() -> None:
    found = service.gaps(without(good(), READER, STARTED + 0.1, STARTED + 0.35), READER)
    assert found.total == found.longest < COUNTED


def test_nobody_was_served_at_the_end() -> None:
    never = without(good(), READER, SETTLED - 0.5, math.inf)
    assert service.gaps(never, READER) == Unserved(math.inf, math.inf)
    assert service.measured(never).read_gaps == math.inf


def test_no_such_client() -> None:
    assert math.isnan(service.gaps(good(), OPEN).longest)
    assert service.measured(good()).open_loop is None and service.measured(good()).pooled == 0


def test_a_lost_session_is_counted_once() -> None:
    found = service.measured(good())
    assert (found.sessions, found.sessions_lost) == (3, 0)
    lost = spoil(good(), f"srv2/{SESSION}", STARTED + 0.5, outcome=UNKNOWN)
    again = spoil(lost, f"srv2/{SESSION}", STARTED + 0.65, outcome=REFUSED, new=True)
    assert service.measured(again).sessions_lost == 1, "a retry loses no session"
    assert service.measured(replace(lost, died=frozenset({"srv2"}))).sessions_lost == 0


def test_errors_through_the_pooler() -> None:
    found = [
        attempt(f"srv1/{POOLED}", number, STARTED + number * 0.1, new=False, outcome=outcome)
        for number, outcome in enumerate((ACK, ACK, UNKNOWN), start=1)
    ]
    told = service.measured(more(good(), *found))
    assert (told.pooled, told.pooled_failed) == (3, 1)


def test_shares_of_several_trials_are_shares_of_all_requests() -> None:
    few, many = Shares(10, (0.0, 0.0, 0.5, 1.0)), Shares(30, (1.0, 1.0, 1.0, 1.0))
    found = service.together([Service(open_loop=few), Service(open_loop=many), Service()])
    assert found.open_loop == Shares(40, (0.75, 0.75, 0.875, 1.0))
    assert service.together([Service()]).open_loop is None


def test_a_fixed_rate_is_measured() -> None:
    found = [
        attempt(f"srv1/{OPEN}", number, STARTED + number * 0.1, end=STARTED + number * 0.1 + took)
        for number, took in enumerate((0.01, 0.01, 2.0, 40.0), start=1)
    ]
    assert service.measured(more(good(), *found)).open_loop == Shares(4, (0.5, 0.5, 0.75, 0.75))


def test_several_trials() -> None:
    one, other = Service(gaps=1.0, sessions=3, sessions_lost=1), Service(gaps=4.0, sessions=3)
    found = service.together([one, other, Service(gaps=2.0, pooled=5, pooled_failed=2)])
    assert (found.gaps, found.sessions, found.sessions_lost) == (2.0, 6, 1)
    assert (found.pooled, found.pooled_failed) == (5, 2) and math.isnan(found.read_gaps)


def test_columns_that_say_nothing_are_left_out() -> None:
    found = summary([trial("vip", "switchover", 1, good(), False)])
    columns, rows = tables.filled(tables.MORE_COLUMNS, [tables.more_row(found)])
    assert columns == [
        "topology", "sessions lost", "read outage", "sum of gaps", "reads by a primary",
        "load per core", "worst load", "clients' CPU",
    ]  # fmt: skip
    assert rows[0][:2] == ("vip", "0 of 3") and len(rows[0]) == len(columns)
