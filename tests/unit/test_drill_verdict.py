"""The verdict over runs, and what is written down of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from paf_lab.drill import verdict
from paf_lab.drill.audits import Evidence
from paf_lab.drill.faults import DRILLS
from paf_lab.drill.faults.ban import Ban
from paf_lab.drill.faults.haproxy import KillHaproxy
from paf_lab.drill.faults.switchover import Switchover
from paf_lab.drill.records import ServersSeen
from paf_lab.drill.settings import Bars, Settings
from paf_lab.drill.timeline import Event
from paf_lab.drill.verdict import Run
from tests.unit.drill_world import ADDRESSES, OUT_OF_RECOVERY, good, still


def run(evidence: Evidence, number: int = 1) -> Run:
    events = (Event(evidence.started + 0.5, "srv1", "drill", "it happens"),)
    return Run("switchover", number, evidence, tuple(Switchover().judge(evidence)), events)


def late() -> Evidence:
    """As good, but HAProxy on srv3 is 1 s late."""
    world = good()
    servers = [each for each in world.seen.servers if (each.node, each.before) != ("srv3", None)]
    moved = tuple(
        ServersSeen("srv3", OUT_OF_RECOVERY + 1, OUT_OF_RECOVERY, each.states)
        if each.node == "srv3"
        else each
        for each in servers
    )
    return replace(world, seen=replace(world.seen, servers=moved))


def test_a_good_run_passes() -> None:
    assert run(good()).passed


def test_a_run_without_findings_does_not_pass() -> None:
    assert not Run("switchover", 1, good(), (), ()).passed


@pytest.mark.parametrize("what", [Ban(), KillHaproxy()])
def test_a_good_kill_passes_only_as_that(what: Ban | KillHaproxy) -> None:
    world = still()
    *servers, back = world.seen.servers
    later = replace(back, at=back.at + 3)
    world = replace(world, seen=replace(world.seen, servers=(*servers, later)))
    findings = {finding.name: finding.passed for finding in what.judge(world)}
    findings.pop(
        "HAProxy is back on srv1", None
    )  # its bar is the monitor's interval, asked for live
    assert all(findings.values()), findings
    assert not all(finding.passed for finding in Switchover().judge(still()))


def test_overall_needs_every_run() -> None:
    bad = replace(good(), fencings=1)
    assert all(finding.passed for finding in verdict.overall([run(good())] * 3, 3, Bars()))
    findings = verdict.overall([run(good()), run(bad)], 2, Bars())
    assert [finding.passed for finding in findings] == [False, True, True]
    assert findings[0].value == "1 of 2"
    assert not verdict.overall([], 0, Bars())[0].passed


def test_a_run_that_was_not_made_is_not_passed() -> None:
    finding = verdict.overall([run(good())] * 2, 3, Bars())[0]
    assert (finding.passed, finding.value) == (False, "2 of 3")


def test_overall_route_delay_is_a_percentile_over_all_nodes_and_runs() -> None:
    # One of 30 may be late, one of 3 may not.
    assert verdict.overall([run(good())] * 9 + [run(late())], 10, Bars())[-1].passed
    finding = verdict.overall([run(late())], 1, Bars())[-1]
    assert not finding.passed
    assert finding.value == "1000 ms"


def test_spans() -> None:
    found = verdict.spans([run(good()), run(good())])
    assert found["PostgreSQL's absence"] == pytest.approx((1.5, 1.5))
    assert verdict.spans([run(still())]) == {}


def test_json_has_the_raw_figures_and_no_infinities() -> None:
    text = json.dumps(verdict.as_json(run(good())), allow_nan=False)
    found = json.loads(text)
    assert found["passed"] is True
    assert found["change"]["absence"] == pytest.approx(1.5)
    assert set(found["change"]["route_delay"]) == set(ADDRESSES)
    outage = found["change"]["outage_connecting"]["srv1/connecting"]
    assert outage["length"] == pytest.approx(outage["before"] + 1.5 + outage["after"])
    assert found["outcomes"]["connecting"]["ack"] > 50
    assert found["timeline"] == [{"at": 0.5, "node": "srv1", "who": "drill", "text": "it happens"}]
    world = good()
    never = replace(world, seen=replace(world.seen, servers=world.seen.servers[:3]))
    found = json.loads(json.dumps(verdict.as_json(run(never)), allow_nan=False))
    assert set(found["change"]["route_delay"].values()) == {None}


def test_json_of_a_run_without_a_change() -> None:
    assert "change" not in verdict.as_json(run(still()))
    assert run(still()).ratio is None
    assert run(still()).worst is None


def test_settings_are_json() -> None:
    assert json.loads(json.dumps(Settings().as_json()))["bars"]["ratio"] == 1.3
    assert math.isclose(Settings().watch_haproxy("srv1")["every"], 0.01)


def test_drills_have_names_of_their_own() -> None:
    names = [each.name for each in DRILLS]
    assert len(set(names)) == len(names)
    assert all(each.summary for each in DRILLS)
