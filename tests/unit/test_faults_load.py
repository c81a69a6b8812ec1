"""The steps of the new drills that pile something up, reload, or let something hang."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab import agent, package
from paf_lab.drill import commands, leftovers
from paf_lab.drill.faults import many_reloads, mixed
from paf_lab.drill.faults.asynchronous import IsolateAsync, OneWayAsync, PowerOffAsync
from paf_lab.drill.faults.backlog import ArchiveBacklog
from paf_lab.drill.faults.lagging import LaggingCandidate
from paf_lab.drill.faults.many_reloads import RELOADS, ManyReloads, Use, use
from paf_lab.drill.faults.mixed import MixedVersions
from paf_lab.drill.faults.network import UNHEARD
from paf_lab.drill.faults.reloads import ReloadInSwitchover
from paf_lab.drill.faults.stopped import STOPPED, StopCorosync
from paf_lab.drill.faults.storm import ReconnectStorm
from paf_lab.drill.records import Sighting
from paf_lab.errors import LabError
from tests.unit.drill_world import STARTED, good
from tests.unit.faults_world import Program, Stage, nothing, rebooted, steps

SYNC = "synchronous_standby_names"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(leftovers, "find", lambda *_, **__: ())
    return Stage()


def performed(drill: Any, stage: Any) -> Any:
    drill.expected(stage)
    drill.prepare(stage)
    stage.done.append("event")
    drill.inject(stage)
    drill.follow(stage)
    drill.undo(stage)
    return drill


@pytest.mark.parametrize("make", STOPPED)
def test_a_daemon_stands_still_and_goes_on(make: Any, stage: Any) -> None:
    node, drill = stage.nodes["srv1"], make()
    node.answers.update({"pidof": "42\n", "stat=": f"Tsl  {drill.program[:15]}\n"})
    stage.died = {"srv1"} if make is StopCorosync else set()
    performed(drill, stage)
    signals = [each.partition("kill ")[2] for each in steps(stage.done, "kill -")]
    assert signals[0] == "-STOP 42" and set(signals[1:]) == {"-CONT 42"}
    assert stage.done.count("rest 1") == (5 if make is StopCorosync else 20)
    assert drill.fault(nothing()).passed
    drill._looks = 1
    assert not drill.fault(nothing()).passed


@pytest.mark.parametrize("state", ["Ssl pacemaker-based", "Tsl another", ""])
def test_a_process_that_goes_on_already_gets_no_signal(state: str, stage: Any) -> None:
    drill = next(each for each in STOPPED if each.name == "stop-based")()
    stage.nodes["srv1"].answers.update({"pidof": "42\n", "stat=": f"{state}\n"})
    performed(drill, stage)
    assert not list(steps(stage.done, "-CONT")) and not drill.fault(nothing()).passed


@pytest.mark.parametrize("make", [IsolateAsync, OneWayAsync, PowerOffAsync])
def test_replication_is_asynchronous_meanwhile(make: Any, stage: Any) -> None:
    drill = make()
    drill.expected(stage)
    drill.prepare(stage)
    drill.undo(stage)
    found = [each for each in stage.done if SYNC in each]
    assert [each[:4] for each in found if "SET" in each and "RESET" not in each] == stage.names
    assert [each[:4] for each in found if "RESET" in each] == stage.names
    seen = tuple(Sighting(STARTED + 1, "srv1", UNHEARD) for _ in range(2))
    world = replace(rebooted(nothing(), "srv1"), sightings=seen)
    assert drill.fault(world).passed
    assert not make().fault(world).passed, "it was synchronous"
    assert drill.fault(nothing()).passed is False


def test_a_setting_is_taken_back_without_postgresql(stage: Any) -> None:
    drill = IsolateAsync()
    stage.nodes["srv1"].broken = {"psql"}
    stage.nodes["srv2"].broken, stage.nodes["srv2"].running = {"psql"}, False
    drill.finish(stage)
    assert [each[:4] for each in stage.done if "sed -i" in each] == ["srv1"]
    assert [each[:4] for each in stage.done if "psql" in each] == stage.names


def test_lost_rows_are_told_and_two_primaries_judged() -> None:
    world = good()
    lost = replace(world, rows={})
    found = {each.name: each for each in PowerOffAsync().judge(lost)}
    rows = found["acknowledged rows lost"]
    assert rows.passed and rows.bar == "told" and not rows.value.startswith("0 ")
    assert {"writes acknowledged by two primaries", "writes acknowledged on two timelines"} <= set(
        found
    )
    nobody = replace(lost, seen=replace(world.seen, attempts=()))
    found = {each.name: each for each in PowerOffAsync().judge(nobody)}
    assert not found["acknowledged rows lost"].passed, "nobody wrote"


def test_an_archive_that_is_late(stage: Any) -> None:
    answers = stage.nodes["srv1"].answers
    answers.update({"%.ready": "9\n", "SHOW archive_mode": "on\n"})
    drill = performed(ArchiveBacklog(), stage)
    found = list(steps(stage.done, "archive_", "restart", "event", "switch_wal", "--move"))
    assert "archive_command = 'sleep 1'" in found[0] and "archive_mode = 'on'" in found[1]
    assert "restart" in found[2] and found[3] == "event"
    assert len(list(steps(found, "switch_wal"))) == 10 and "--move" in found[15]
    assert "RESET archive_mode" in found[16] and "restart" in found[-1]
    maintenance = [each.rpartition("=")[2] for each in steps(stage.done, "maintenance-mode")]
    assert maintenance == ["true", "false"] * 2
    assert not drill.fault(good()).passed, "PostgreSQL was away for 1.5 s only"
    late = tuple(
        replace(each, at=each.at + 6) if each.node == "srv2" and each.role == "primary" else each
        for each in good().seen.roles
    )
    attempts = tuple(each for each in good().seen.attempts if each.server != "10.0.0.2")
    seen = replace(good().seen, roles=late, attempts=attempts)
    world = replace(good(), seen=seen, rows={("a", 1): STARTED + 1.0})
    assert drill.fault(world).passed


def test_a_candidate_that_lags(stage: Any) -> None:
    stage.nodes["srv2"].answers["pg_wal_lsn_diff"] = f"{60 << 20}\n"
    drill = performed(LaggingCandidate(), stage)
    found = list(steps(stage.done, "apply_delay", "drill.backlog", "--move"))
    assert "srv2" in found[0] and "'30s'" in found[0] and "srv1" in found[1]
    assert "--move" in found[2] and "RESET" in found[3]
    assert drill.fault(good()).passed and not drill.fault(nothing()).passed
    drill._lag = 1 << 20
    assert not drill.fault(good()).passed


def test_a_storm(stage: Any) -> None:
    told = {"opened": 334, "answered": 334, "misrouted": 0, "failed": 0, "waiting": 334,
            "longest": 2.5, "errors": []}  # fmt: skip
    for node in stage.nodes.values():
        node.program = Program(json.dumps(told))
    drill = performed(ReconnectStorm(), stage)
    written = stage.nodes["srv1"].program.written.splitlines()
    assert json.loads(written[0])["count"] == 334 and written[1:] == ["go"]
    assert json.loads(written[0])["connect"]["port"] == 5432
    assert drill.fault(good()).passed and not drill.fault(nothing()).passed
    found = {each.name: each.passed for each in drill.judge(good())}
    assert found["storm, answered"] and found["storm, misrouted"]
    for name, finding in (("failed", "storm, answered"), ("misrouted", "storm, misrouted")):
        drill._told["srv1"] = {**told, name: 1, "answered": 333}
        assert not {each.name: each.passed for each in drill.judge(good())}[finding]
    drill._told = {}
    assert not {each.name: each.passed for each in drill.judge(good())}["storm, answered"]


def test_parameters_change_all_through_a_switchover(stage: Any, monkeypatch: Any) -> None:
    pids = iter(range(100, 200))
    monkeypatch.setattr(commands, "haproxy_pid", lambda *_: next(pids))
    stage.roles["srv2"] = "primary"
    drill = performed(ReloadInSwitchover(), stage)
    found = list(steps(stage.done, "maxconn", "--move"))
    assert "1999" in found[0] and "--move" in found[1] and "2000" in found[-1]
    assert len(found) == 1 + 1 + 5 + 1 + 1
    assert drill.fault(good()).passed and not drill.fault(nothing()).passed


def test_many_reloads(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = iter(range(1000))
    monkeypatch.setattr(commands, "haproxy_pid", lambda *_: next(pids))
    monkeypatch.setattr(many_reloads, "_used", lambda node: Use(12, 200_000))
    for node in stage.nodes.values():
        node.program = Program(json.dumps({"sessions": 50, "alive": 11, "error": ""}))
    drill = performed(ManyReloads(), stage)
    assert len(list(steps(stage.done, "--parameter-value 19"))) == RELOADS
    assert "2000" in list(steps(stage.done, "--parameter-value"))[-1]
    assert drill.fault(nothing()).passed
    names = ("HAProxy processes", "memory of HAProxy", "long sessions kept")
    found = {each.name: each.passed for each in drill.judge(nothing())}
    assert all(found[name] for name in names)
    drill._most["srv1"], drill._alive["srv1"] = Use(14, 600_000), 9
    found = {each.name: each.passed for each in drill.judge(nothing())}
    assert not any(found[name] for name in names)


def test_a_session_that_is_refused_ends_the_drill(stage: Any) -> None:
    drill = ManyReloads()
    with pytest.raises(LabError, match="srv1: no session more: its program has ended"):
        drill._one_more("srv1", Program())  # type: ignore[arg-type]
    assert use("100\n\n250\n") == Use(2, 350) and use("") == Use(0, 0)


def test_mixed_versions(stage: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deb = tmp_path / "older.deb"
    deb.write_text("x")
    (tmp_path / "root").mkdir()
    monkeypatch.setattr(package, "older", lambda revision, version: deb)
    monkeypatch.setattr(mixed, "named", lambda name: SimpleNamespace(root=tmp_path, name=name))
    monkeypatch.setattr(agent, "install", lambda node: stage.done.append(f"install {node.name}"))
    for name, node in stage.nodes.items():
        node.answers["--version"] = "0.0.9\n" if name == "srv2" else "0.1.0\n"
    drill = performed(MixedVersions(), stage)
    found = list(steps(stage.done, "dpkg", "event", "--move", "--clear", "install srv"))
    assert [each.split()[-1] for each in found][:2] == ["/root/older.deb", "event"]
    assert "--clear" in found[3] and found[4] == "install srv2"
    assert drill.fault(good()).passed and not drill.fault(nothing()).passed
    drill._versions["srv2"] = "0.1.0"
    assert not drill.fault(good()).passed
