"""Of every new drill: its witness fails if nothing happened, and undo alone does no harm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paf_lab import confine
from paf_lab.drill.drill import Drill
from paf_lab.drill.faults import DRILLS
from paf_lab.drill.faults.slow_fencing import SLOW_FENCING
from paf_lab.drill.faults.stopped import STOPPED
from paf_lab.drill.witness import FAULT
from tests.unit.faults_world import Node, Stage, nothing, prepared

NAMES = (
    "role-answers-lost", "answers-lost", "packet-loss", "packet-loss-switchover", "node-pause",
    "frozen", "frozen-thawed", "slow-fencing-20", "slow-fencing-40", "slow-fencing-60",
    "kill-every-haproxy", "oom-haproxy", "starved-haproxy", "candidate-without-haproxy",
    "stop-corosync", "stop-based", "stop-fenced", "stop-execd", "stop-attrd", "stop-schedulerd",
    "stop-controld", "cold-start", "archive-backlog", "lagging-candidate", "reconnect-storm",
    "reload-in-switchover", "many-reloads", "mixed-versions", "isolate-async", "one-way-async",
    "poweroff-async",
)  # fmt: skip
NEW = [next(each for each in DRILLS if each.name == name) for name in NAMES]
HARM = ("power off", "cut off", "kill -", "-j DROP", "chmod a-x", "--move", "'on'", "frozen")


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    return prepared(monkeypatch, tmp_path)


@pytest.mark.parametrize("make", NEW, ids=NAMES)
def test_a_witness_fails_without_the_event(make: type[Drill]) -> None:
    finding = make().fault(nothing())
    assert finding.name == FAULT and not finding.passed, finding


@pytest.mark.parametrize("make", NEW, ids=NAMES)
def test_what_is_not_injected_is_not_seen(make: type[Drill], stage: Any) -> None:
    """As `lab drill --control` does it: everything but the injection."""
    drill = make()
    drill.expected(stage)
    drill.undo(stage)
    assert not drill.fault(nothing()).passed
    assert not [each for each in stage.done if any(word in each for word in HARM)], stage.done
    assert not stage.repairs and not stage.out_of_touch


@pytest.mark.parametrize("make", NEW, ids=NAMES)
def test_limits_and_reasons(make: type[Drill]) -> None:
    drill = make()
    own = make.__doc__ or type(drill).__mro__[1].__doc__
    assert own and len(own) > 60 and own != Drill.__doc__, "the reasons for the limits"
    assert drill.gap <= 90 and drill.reader_gap <= 60 and drill.deadline <= 240
    assert drill.fencings <= 2 and drill.repairs <= 2
    assert drill.failed is not None or drill.name in ("kill-every-haproxy", "oom-haproxy")


def test_the_delays_and_their_costs() -> None:
    delays = [(each.delay, each.gap, each.failed) for each in SLOW_FENCING]
    assert delays == [(20, 45, 2), (40, 65, 2), (60, 85, 3)]


def test_every_daemon_is_stopped_once() -> None:
    assert [each.program for each in STOPPED] == [
        "corosync", "pacemaker-based", "pacemaker-fenced", "pacemaker-execd", "pacemaker-attrd",
        "pacemaker-schedulerd", "pacemaker-controld",
    ]  # fmt: skip


def test_what_fails_in_the_middle_is_undone(stage: Any) -> None:
    """A failed undo of one part does not keep the other from being undone."""
    drill = next(each for each in NEW if each.name == "role-answers-lost")()
    drill.expected(stage)
    node: Node = stage.nodes["srv2"]
    node.broken = {"iptables -w -S"}
    with pytest.raises(Exception, match="srv2 does not do that"):
        drill.undo(stage)
    assert any("--clear" in each for each in stage.done)


def test_the_group_of_a_limited_process() -> None:
    assert confine.GROUP.endswith("-drill")
