"""A failing schedule is shrunk to the faults that it needs, within a number of replays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paf_lab.errors import LabError
from paf_lab.soak import draw
from paf_lab.soak.minimize import FIRST_TRIES, minimize
from paf_lab.soak.schedule import Schedule
from paf_lab.soak.shrink import shrink

FAILS = frozenset({"lost", "behind"})


@given(st.sets(st.integers(0, 19), min_size=1), st.integers(20, 30))
def test_what_is_needed_is_left(needed: set[int], length: int) -> None:
    tried: list[tuple[int, ...]] = []

    def fails(items: tuple[int, ...]) -> bool:
        tried.append(items)
        return needed <= set(items)

    found = shrink(range(length), fails, most=10_000)
    assert set(found.items) == needed and found.whole
    assert found.runs == len(tried)
    assert all(tried), "nothing is run without any fault"


@given(st.sets(st.integers(0, 19), min_size=1), st.integers(0, 40))
def test_the_replays_are_bounded(needed: set[int], most: int) -> None:
    found = shrink(range(20), lambda items: needed <= set(items), most)
    assert found.runs <= most
    assert needed <= set(found.items), "what is left fails as well"
    if not found.whole:
        assert found.runs == most


def test_two_faults_that_are_needed_together_are_both_left() -> None:
    found = shrink("abcdefgh", lambda items: {"b", "g"} <= set(items), most=100)
    assert found.items == ("b", "g")
    assert found.runs < 20


def test_a_single_fault_is_not_tried_without() -> None:
    assert shrink("a", lambda items: True, most=5).runs == 0


def test_a_schedule_is_shrunk_for_one_of_the_violations_of_the_first_failure() -> None:
    schedule = Schedule(draw.burst(4, 1), 4)
    culprit = schedule.entries[1]
    said: list[str] = []

    def replay(each: Schedule) -> frozenset[str]:
        # Without the culprit something else goes wrong.
        return FAILS if culprit in each.entries else frozenset({"not-whole"})

    found = minimize(schedule, replay, 50, said.append)
    assert found.schedule == Schedule((culprit,), 4)
    assert (found.kinds, found.whole) == (FAILS, True)
    assert said[0] == f"fails with behind, lost: {len(schedule.entries)} faults"
    assert len(said) == found.runs


def test_a_failure_that_does_not_come_at_once_is_tried_again() -> None:
    answers = iter([frozenset[str](), FAILS])
    replay = lambda each: next(answers, frozenset[str]())  # noqa: E731
    found = minimize(Schedule(draw.burst(4, 1)), replay, 50, lambda text: None)
    assert found.schedule.entries == draw.burst(4, 1) and found.whole


@pytest.mark.parametrize(("most", "tried"), [(50, FIRST_TRIES), (1, 1)])
def test_a_schedule_that_passes_is_not_shrunk(most: int, tried: int) -> None:
    runs: list[Schedule] = []

    def replay(each: Schedule) -> frozenset[str]:
        runs.append(each)
        return frozenset()

    with pytest.raises(LabError, match=f"passed {tried} times: there is nothing to shrink"):
        minimize(Schedule(draw.burst(4, 1)), replay, most, lambda text: None)
    assert len(runs) == tried
