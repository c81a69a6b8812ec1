"""What the new drills judge beside the lines of every drill."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paf_lab.drill.audits import Evidence
from paf_lab.drill.faults.slow_fencing import gave_up
from paf_lab.drill.records import ACK, REFUSED, RoleSeen
from paf_lab.drill.stillness import silence
from tests.unit.drill_world import LAST_COMMIT, STARTED, attempt, good
from tests.unit.faults_world import hushed, nothing

CLIENT = "srv3/connecting"


def waiting(outage: float, *held: float) -> Evidence:
    """srv2 is primary so many s after the last commit. A client of srv3 waits so long with each of
    its connections, the last of which is answered.
    """
    world = good()
    promoted = LAST_COMMIT + outage
    roles = (*world.seen.roles[:3], RoleSeen("srv2", promoted, promoted - 0.01, "primary"))
    before = tuple(each for each in world.seen.attempts if each.end < STARTED)
    found, start = [], LAST_COMMIT
    for number, seconds in enumerate(held, start=100):
        end = start + seconds
        outcome = ACK if number == 99 + len(held) else REFUSED
        found.append(attempt(CLIENT, number, start, end=end, outcome=outcome))
        start = end + 0.1
    seen = replace(world.seen, roles=roles, attempts=(*before, *found))
    return replace(world, seen=seen, rows={("a", 1): LAST_COMMIT})


@pytest.mark.parametrize(
    ("outage", "held", "value"),
    [
        (29.5, (29.6,), "0, at most 0 a client, after 29.6 s"),
        (49.7, (30.0, 19.8), "1, at most 1 a client, after 30.0 s"),
        (69.7, (30.0, 30.0, 9.9), "2, at most 2 a client, after 30.0 s"),
    ],
)
def test_held_clients_give_up_as_often_as_the_hold_ends(
    outage: float, held: tuple[float, ...], value: str
) -> None:
    finding = gave_up(waiting(outage, *held))
    assert finding.passed and finding.value == value


@pytest.mark.parametrize(
    ("outage", "held"),
    [(49.7, (30.0, 30.0, 1.0)), (49.7, (49.8,)), (20.0, (30.0, 1.0))],
    ids=["too often", "held too long", "after the new primary was there"],
)
def test_a_hold_that_is_not_what_it_should_be(outage: float, held: tuple[float, ...]) -> None:
    assert not gave_up(waiting(outage, *held)).passed


def test_nobody_was_promoted() -> None:
    assert not gave_up(nothing()).passed


def test_clients_of_the_lost_node_do_not_count() -> None:
    world = waiting(20.0, 30.0, 1.0)
    assert gave_up(replace(world, died=frozenset({"srv3"}))).passed


def test_how_long_a_node_was_silent() -> None:
    since, until = silence(hushed(good(), "srv1", 3), "srv1")
    assert until - since == pytest.approx(3, abs=0.3) and since < STARTED < until
    since, until = silence(nothing(), "srv1")
    assert until - since < 0.5
    assert silence(good(), "srv9") == (STARTED, STARTED)
