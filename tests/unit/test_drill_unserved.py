"""How long clients were without an answer: one long gap, many gaps, and gaps that are excused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paf_lab.drill import unserved
from paf_lab.drill.audits import Evidence, Finding
from paf_lab.drill.records import REFUSED
from tests.unit.drill_world import LAST_COMMIT, OUT_OF_RECOVERY, STARTED, good


def refused(evidence: Evidence, client: str, since: float, until: float) -> Evidence:
    """Returns the evidence with all attempts of a client refused that began in between."""
    attempts = [
        replace(each, outcome=REFUSED)
        if each.client == client and since <= each.start < until
        else each
        for each in evidence.seen.attempts
    ]
    return replace(evidence, seen=replace(evidence.seen, attempts=tuple(attempts)))


def audit(evidence: Evidence, writers: float = 2.0, readers: float = 1.0) -> tuple[Finding, ...]:
    return tuple(unserved.audit(evidence, writers, readers))


def test_a_switchover() -> None:
    writers, readers = audit(good())
    assert writers.passed and readers.passed
    assert writers.value == "1.6 s, longest 1.6 s" and readers.value == "0.0 s, longest 0.0 s"
    assert not audit(good(), writers=1.5)[0].passed


def test_several_gaps_are_added() -> None:
    world = refused(good(), "srv2/session", STARTED + 3, STARTED + 3.6)
    writers, _ = audit(world)
    assert not writers.passed
    assert writers.value.endswith("longest 1.6 s") and float(writers.value.split()[0]) > 2.2
    assert "connecting 1.6 s" in writers.detail


def test_readers_have_a_limit_of_their_own() -> None:
    world = refused(good(), "srv2/reader", STARTED, STARTED + 1.5)
    writers, readers = audit(world)
    assert writers.passed and not readers.passed


def test_slow_machines_may_take_longer() -> None:
    assert audit(replace(good(), slowness=2.0), writers=1.0)[0].passed


@pytest.mark.parametrize("down", [True, False])
def test_a_node_that_is_down_is_excused(down: bool) -> None:
    world = refused(good(), "srv1/connecting", LAST_COMMIT, OUT_OF_RECOVERY + 3)
    dead = frozenset({"srv1"}) if down else frozenset()
    assert audit(replace(world, died=dead))[0].passed is down


def test_what_was_before_the_event_does_not_count() -> None:
    assert audit(refused(good(), "srv2/reader", STARTED - 2.5, STARTED - 0.5))[1].passed


def test_nobody_was_looked_at() -> None:
    world = good()
    nobody = replace(world, seen=replace(world.seen, attempts=()))
    assert not any(each.passed for each in audit(nobody))
