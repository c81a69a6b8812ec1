"""Clients of a node that is down are excused, but only until the node is back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paf_lab.drill import service
from paf_lab.drill.audits import Evidence
from paf_lab.drill.excuse import accountable, served_at
from paf_lab.drill.records import REFUSED, ServersSeen
from tests.unit.drill_world import (
    LAST_COMMIT,
    OUT_OF_RECOVERY,
    SETTLED,
    STARTED,
    good,
    spoil,
    states,
)

NODE, CLIENT = "srv1", "srv1/connecting"
BACK = STARTED + 3


def down(*told: ServersSeen, left: float | None = None) -> Evidence:
    """srv1 went down with its HAProxy at the event."""
    world = good()
    silent = ServersSeen(NODE, STARTED + 0.1, STARTED, None)
    before = [each for each in world.seen.servers if each.node != NODE or each.at < STARTED]
    servers = sorted((*before, silent, *told), key=lambda each: each.at)
    return replace(
        world,
        seen=replace(world.seen, servers=tuple(servers)),
        died=frozenset({NODE}),
        left={} if left is None else {NODE: left},
    )


def again(at: float) -> ServersSeen:
    return ServersSeen(NODE, at, at - 0.1, states("srv2"))


def counted(evidence: Evidence, at: float) -> bool:
    """Returns whether an attempt of the node's client that is refused then is held against it."""
    return not service.new_connections(spoil(evidence, CLIENT, at, outcome=REFUSED)).passed


@pytest.mark.parametrize(
    ("at", "held_against"),
    [(STARTED - 1, True), (STARTED + 1, False), (BACK - 0.2, False), (SETTLED + 0.5, True)],
)
def test_only_while_it_is_down(at: float, held_against: bool) -> None:
    assert counted(down(again(BACK)), at) is held_against


def test_until_the_client_is_served_again() -> None:
    """HAProxy is back a moment before a standby is."""
    assert not counted(down(again(BACK)), BACK)


def test_one_that_does_not_come_back() -> None:
    assert not counted(down(), SETTLED + 0.5)


def test_one_that_goes_down_twice() -> None:
    twice = down(again(BACK), ServersSeen(NODE, BACK + 1, BACK, None), again(SETTLED + 1))
    assert not counted(twice, BACK + 0.5)
    assert counted(twice, SETTLED + 1.5)


def test_one_that_the_drill_takes_down_later() -> None:
    assert counted(down(again(BACK), left=STARTED + 1), STARTED + 0.5)
    assert not counted(down(again(BACK), left=STARTED + 1), STARTED + 1.5)


def test_who_is_accountable_at_a_moment() -> None:
    there = served_at(down(again(BACK)), STARTED + 1)
    assert not there(CLIENT) and there("srv2/connecting")
    assert served_at(down(again(BACK)), SETTLED)(CLIENT)


def test_a_node_that_was_back_is_served_like_the_others() -> None:
    """It went down and came back before the new primary left recovery."""
    world = down(again(STARTED + 0.5))
    kept = tuple(
        each
        for each in world.seen.attempts
        if each.client != CLIENT or not LAST_COMMIT <= each.start < OUT_OF_RECOVERY + 0.9
    )
    late = replace(world, seen=replace(world.seen, attempts=kept))
    assert service.served_again(world, 0.5).passed
    assert not service.served_again(late, 0.5).passed
    away = replace(late.seen, servers=down().seen.servers)
    assert service.served_again(replace(late, seen=away), 0.5).passed


def test_the_hold_is_no_primary() -> None:
    held = replace(again(BACK), states={"prod/hold": "ready up", "stdby/srv3": "ready up"})
    assert not counted(down(held), SETTLED + 0.5)


def test_clients_of_the_others_are_never_excused() -> None:
    found = accountable(down())
    others = [each for each in good().seen.attempts if each.node != NODE]
    assert [each for each in found if each.node != NODE] == others
    assert len(found) < len(good().seen.attempts)


def test_nobody_was_looked_at() -> None:
    world = down()
    late = tuple(each for each in world.seen.attempts if each.start > STARTED and each.node == NODE)
    nobody = replace(world, seen=replace(world.seen, attempts=late))
    assert not service.new_connections(nobody).passed
    assert not service.new_connections(nobody, 1).passed
