"""Where the time goes when the primary is lost."""

from __future__ import annotations

import pytest

from paf_lab.drill.phases import STEPS, phases
from paf_lab.drill.timeline import AGENT, PACEMAKER, PAF, POSTGRES, Event

STARTED = 100.0
LOST = [
    Event(107.5, "srv3", PACEMAKER, "Requesting fencing (reboot) of node srv1"),
    Event(108.1, "srv2", AGENT, "pre-demote: primary srv1, leaving srv1"),
    Event(108.4, "srv2", AGENT, "pre-promote: nothing changes, primary srv1"),
    Event(108.5, "srv3", AGENT, "pre-promote: nothing changes, primary srv1"),
    Event(109.5, "srv2", PAF, "Promoting instance on node srv2"),
    Event(110.0, "srv3", PACEMAKER, "Initiating promote operation pgsqld_promote_0 on srv2"),
    Event(110.4, "srv2", POSTGRES, "primary, was standby"),
    Event(111.3, "srv3", PACEMAKER, "Initiating promote operation haproxy_promote_0 on srv2"),
]


def test_a_node_that_is_lost() -> None:
    found = phases(LOST, STARTED)
    assert list(found) == [name for name, *_ in STEPS]
    assert found == pytest.approx({"noticed": 7.5, "fenced": 0.9, "elected": 1.6, "promoted": 0.4})
    assert sum(found.values()) == pytest.approx(10.4)


def test_fencing_that_is_tried_again() -> None:
    """From the first request to the first promotion that is announced."""
    again = [*LOST[:2], Event(108.2, "srv3", PACEMAKER, "Requesting fencing again"), *LOST[2:]]
    assert phases(again, STARTED) == phases(LOST, STARTED)


@pytest.mark.parametrize("missing", [0, 5, 6])
def test_a_phase_that_is_missing(missing: int) -> None:
    assert phases([each for each in LOST if each is not LOST[missing]], STARTED) == {}


def test_what_was_before_the_event() -> None:
    before = Event(90.0, "srv3", PACEMAKER, "Requesting fencing (reboot) of node srv2")
    assert phases([before, *LOST], STARTED) == phases(LOST, STARTED)
