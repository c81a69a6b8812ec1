"""Audits of what clients were served: each can fail."""

from __future__ import annotations

from dataclasses import replace

from paf_lab.drill import service
from paf_lab.drill.records import REFUSED, UNKNOWN
from tests.unit.drill_world import (
    ADDRESSES,
    LAST_COMMIT,
    OUT_OF_RECOVERY,
    STARTED,
    fails,
    good,
    spoil,
    still,
)


def test_clients_that_are_served_late() -> None:
    name = "srv3/connecting"
    late = spoil(good(), name, LAST_COMMIT, end=OUT_OF_RECOVERY + 0.9)
    assert fails(lambda each: service.served_again(each, 0.04), good()).value == "0.05 s"
    assert fails(lambda each: service.served_within(each, 0.5), late)
    unmoved = fails(lambda each: service.served_again(each, 0.5), still())
    assert unmoved.value.startswith("no change")


def test_one_failed_connection_a_client_may_be_allowed() -> None:
    once = spoil(good(), "srv2/connecting", STARTED, outcome=REFUSED)
    twice = spoil(once, "srv2/connecting", STARTED + 0.5, outcome=REFUSED)
    assert service.new_connections(once, 1).passed
    finding = fails(lambda each: service.new_connections(each, 1), twice)
    assert finding.bar == "1 a client"
    assert service.new_connections(replace(twice, died=frozenset({"srv2"})), 0).passed


def test_a_writer_that_was_disturbed() -> None:
    world = still()
    assert service.writers_undisturbed(world).passed
    fails(service.writers_undisturbed, spoil(world, "srv2/session", STARTED, outcome=UNKNOWN))


def test_a_session_that_was_lost() -> None:
    world = still()
    assert service.sessions_kept(world).passed
    fails(service.sessions_kept, spoil(world, "srv2/session", STARTED, new=True))


def test_nobody_was_served_by_a_node() -> None:
    world = still()
    assert service.served_by(world, ADDRESSES["srv1"]).passed
    assert not service.served_by(world, "10.0.0.4").passed
    lost = [replace(each, outcome=UNKNOWN) for each in world.seen.attempts]
    seen = replace(world.seen, attempts=tuple(lost))
    assert not service.served_by(replace(world, seen=seen), ADDRESSES["srv1"]).passed
