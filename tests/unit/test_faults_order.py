"""The steps of the new drills: their order, and that they are taken back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paf_lab import confine, container, disorder, power
from paf_lab.drill.faults.candidate import REFUSED, CandidateWithoutHaproxy
from paf_lab.drill.faults.cold_start import ColdStart
from paf_lab.drill.faults.frozen import Frozen, FrozenThawed, NodePause
from paf_lab.drill.faults.haproxy_everywhere import KillEveryHaproxy
from paf_lab.drill.faults.haproxy_limits import OomHaproxy, StarvedHaproxy
from paf_lab.drill.faults.packet_loss import AnswersLost, PacketLoss, RoleAnswersLost
from paf_lab.drill.faults.slow_fencing import SLOW_FENCING
from paf_lab.drill.records import ServersSeen, Sighting
from paf_lab.errors import LabError
from tests.unit.drill_world import STARTED, good, states, told
from tests.unit.faults_world import Stage, hushed, nothing, prepared, rebooted, steps

MARK = "-m comment --comment paf-drill -j DROP"
COUNT, TAKE_BACK = "iptables -w -nvxL", "sed 's/^-A/-D/'"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    return prepared(monkeypatch, tmp_path)


def test_role_answers_are_lost_before_the_move_and_counted_after_it(stage: Any) -> None:
    stage.nodes["srv2"].answers[COUNT] = "12\n"
    drill = RoleAnswersLost()
    assert drill.expected(stage) == "srv2"
    drill.inject(stage)
    drill.follow(stage)
    drill.undo(stage)
    rule = f"srv2: iptables -w -I OUTPUT 1 ! -o lo -p tcp --sport 5435 {MARK}"
    found = list(steps(stage.done, "iptables", "crm_resource"))
    assert found[0] == rule and "--move" in found[1] and COUNT in found[2]
    assert TAKE_BACK in found[3] and "--clear" in found[4] and len(found) == 5
    assert drill.fault(good()).passed
    assert not drill.fault(nothing()).passed, "the primary did not move"


def test_answers_of_the_primary_are_lost(stage: Any) -> None:
    stage.nodes["srv1"].answers[COUNT] = "3\n"
    drill = AnswersLost()
    drill.inject(stage)
    drill.follow(stage)
    drill.undo(stage)
    assert "--sport 5434" in stage.done[0] and stage.done[1] == "rest 10"
    assert drill.fault(nothing()).passed


@pytest.mark.parametrize("silent", [None, "srv3"])
def test_packets_are_lost_on_every_node(stage: Any, silent: str | None) -> None:
    drill = PacketLoss()
    for name, node in stage.nodes.items():
        node.answers[COUNT] = "0\n" if name == silent else "40\n"
    drill.inject(stage)
    drill.follow(stage)
    drill.undo(stage)
    assert len(list(steps(stage.done, "--probability 0.03"))) == 3
    assert len(list(steps(stage.done, TAKE_BACK))) == 3
    assert drill.fault(nothing()).passed == (silent is None)


def test_rules_are_taken_back_from_a_node_that_boots(stage: Any) -> None:
    stage.nodes["srv1"].running, stage.strict = False, True
    with pytest.raises(LabError, match="srv1 is off"):
        AnswersLost().undo(stage)


def test_a_pause(stage: Any) -> None:
    drill = NodePause()
    drill.inject(stage)
    assert stage.out_of_touch == {"srv1"}
    drill.undo(stage)
    assert stage.done == ["srv1: frozen", "rest 1.5", "srv1: thawed"] and not stage.out_of_touch
    assert drill.fault(hushed(nothing(), "srv1", 1.5)).passed
    assert not drill.fault(hushed(nothing(), "srv2", 1.5)).passed


def test_frozen_until_it_is_fenced(stage: Any) -> None:
    drill = Frozen()
    drill.inject(stage)
    drill.undo(stage)
    assert stage.done == ["srv1: frozen", "srv1: thawed"]
    assert drill.fault(rebooted(nothing(), "srv1")).passed
    assert not drill.fault(replace(rebooted(nothing(), "srv1"), fencings=0)).passed


def test_thawed_beside_a_new_primary(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paf_lab.drill.faults.frozen.named", lambda name: stage.nodes[name])
    drill = FrozenThawed()
    drill.inject(stage)
    assert disorder.pretends()
    drill.follow(stage)
    drill.undo(stage)
    assert not disorder.pretends() and not stage.out_of_touch
    assert stage.done == [
        "srv1: cut off", "srv1: frozen", "rest 5", "srv1: thawed", "rest 10", "srv1: thawed",
        "srv1: power off", "srv1: plug in", "srv1: boot",
    ]  # fmt: skip
    assert stage.repairs == ["srv1: power cut, as a person would"]
    assert drill.fault(hushed(good(), "srv1", 5)).passed
    assert not drill.fault(hushed(nothing(), "srv1", 5)).passed
    assert not drill.fault(good()).passed


@pytest.mark.parametrize(("make", "took"), [(each, each.delay) for each in SLOW_FENCING])
def test_a_slow_switch(make: Any, took: float, stage: Any) -> None:
    stage.nodes["srv1"].answers["boot_id"] = "first"
    drill = make()
    drill.expected(stage)
    drill.prepare(stage)
    patient = [each for each in stage.done if "--name stonith-timeout" in each]
    assert patient == ([] if took < 50 else [
        "srv1: crm_attribute --type crm_config --name stonith-timeout --update 120s"
    ])  # fmt: skip
    drill.inject(stage)
    assert disorder.lateness() == took
    began = "1970-01-01T00:20:00+00:00"
    ended = f"1970-01-01T00:2{took // 60:.0f}:{took % 60:02.0f}.500000+00:00"
    power.LOG.write_text(f"{began} reboot srv1\n{ended} reboot srv1: off\n")
    drill.undo(stage)
    assert disorder.lateness() == 0
    assert ("--delete" in stage.done[-1]) == bool(patient)
    assert drill.fault(rebooted(nothing(), "srv1")).passed
    assert not drill.fault(nothing()).passed
    drill._took = [took - 1]
    assert not drill.fault(rebooted(nothing(), "srv1")).passed


def test_every_haproxy_is_killed_at_once(stage: Any) -> None:
    drill = KillEveryHaproxy()
    drill.expected(stage)
    drill.inject(stage)
    assert sorted(steps(stage.done, "kill")) == [f"srv{n}: kill -KILL 77" for n in (1, 2, 3)]
    world = nothing()
    silent = [ServersSeen(name, STARTED + 0.2, STARTED + 0.1, None) for name in world.addresses]
    back = [ServersSeen(name, STARTED + 0.6, STARTED + 0.5, states("srv1")) for name in states("x")]
    back = [replace(each, node=each.node.partition("/")[2]) for each in back]
    servers = (*world.seen.servers, *silent, *back)
    after = dict.fromkeys(world.addresses, told("HAProxy"))
    seen = replace(world.seen, servers=tuple(sorted(servers, key=lambda each: each.at)))
    assert drill.fault(replace(world, seen=seen, after=after)).passed
    assert not drill.fault(replace(world, seen=seen)).passed
    late = tuple(
        replace(each, at=each.at + 5, before=(each.before or 0) + 5)
        if each.node == "srv3" and each.at > STARTED
        else each
        for each in seen.servers
    )
    one_by_one = replace(world, seen=replace(seen, servers=late), after=after)
    assert not drill.fault(one_by_one).passed


class Cell:
    """A control group that counts, and notes that it was removed."""

    def __init__(self, done: list[str], number: int) -> None:
        self.done, self.number = done, number

    def count(self, name: str) -> int:
        self.done.append(f"count {name}")
        return self.number

    def release(self) -> None:
        self.done.append("release")


@pytest.mark.parametrize("number", [0, 20])
def test_haproxy_with_a_limit(number: int, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell(stage.done, number)
    monkeypatch.setattr(container, "host_pid", lambda name, inside: 5000 + inside)
    monkeypatch.setattr(confine, "memory", lambda pid, most: stage.done.append(f"{pid}") or cell)
    monkeypatch.setattr(confine, "cpu", lambda pid, share: stage.done.append(f"{pid}") or cell)
    oom, starved = OomHaproxy(), StarvedHaproxy()
    for drill in (oom, starved):
        drill.expected(stage)
        drill.inject(stage)
        drill.follow(stage)
        drill.undo(stage)
    assert [each for each in stage.done if each.startswith(("5", "count", "rel"))] == [
        "5077", "count oom_kill", "release", "5077", "count nr_throttled", "release",
    ]  # fmt: skip
    killed = replace(nothing(), after={"srv1": told("HAProxy")})
    silent = (ServersSeen("srv1", STARTED + 0.2, STARTED + 0.1, None),)
    killed = replace(killed, seen=replace(killed.seen, servers=silent))
    assert oom.fault(killed).passed == bool(number)
    assert not oom.fault(nothing()).passed
    assert starved.fault(good()).passed == bool(number)


def test_a_candidate_without_haproxy(stage: Any) -> None:
    drill = CandidateWithoutHaproxy()
    assert drill.expected(stage) == "srv1"
    with pytest.raises(LabError, match="was not refused"):
        drill.inject(stage)
    stage.nodes["srv1"].codes["paf-haproxy switchover"] = 1
    stage.nodes["srv1"].answers["paf-haproxy switchover"] = "Refused. Nothing was\nchanged."
    drill.inject(stage)
    drill.follow(stage)
    drill.undo(stage)
    found = list(steps(stage.done, "chmod", "paf-haproxy", "clear failures"))[-4:]
    assert "chmod a-x /usr/sbin/haproxy; kill -9 77" in found[0] and "srv2" in stage.died
    assert found[1] == "srv1: paf-haproxy switchover srv2"
    assert found[2:] == ["srv2: chmod a+x /usr/sbin/haproxy", "clear failures of haproxy"]
    away = (
        ServersSeen("srv2", STARTED + 0.2, STARTED + 0.1, None),
        ServersSeen("srv2", STARTED + 4, STARTED + 3.9, states("srv2")),
    )
    refused = replace(good(), sightings=(Sighting(STARTED + 3, "srv2", REFUSED),))
    servers = tuple(each for each in refused.seen.servers if each.node != "srv2")
    seen = replace(refused.seen, servers=(*servers, *away))
    assert drill.fault(replace(refused, seen=seen)).passed
    assert not drill.fault(refused).passed
    assert not drill.fault(replace(good(), seen=seen)).passed


def test_a_cold_start(stage: Any) -> None:
    for name, node in stage.nodes.items():
        node.answers["pg_is_in_recovery"] = "f\n" if name == "srv1" else "t\n"
    drill = ColdStart()
    drill.inject(stage)
    stage.died = set(stage.names)
    with pytest.raises(StopIteration):  # the fake has nobody to ask, the real one has
        drill.follow(stage)
    assert stage.done[0] == "srv1: power off"
    assert sorted(steps(stage.done, "power off", "boot"))[:2] == ["srv1: boot", "srv1: power off"]
    recovered = [each[:4] for each in stage.done if "pg_is_in_recovery" in each]
    assert recovered == ["srv1", "srv2", "srv3"], "the last primary first"
    world = replace(rebooted(nothing(), *stage.names), sightings=tuple(stage.sightings))
    assert drill.fault(world).passed
    assert not drill.fault(replace(world, sightings=())).passed
    stage.nodes["srv2"].answers["pg_is_in_recovery"] = "f\n"
    with pytest.raises(LabError, match="srv2: its instance is not what it was"):
        drill.follow(stage)
