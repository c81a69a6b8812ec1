"""Reports of a crash of PostgreSQL: which are made, and which are not."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from paf_haproxy import crash, pacemaker
from paf_haproxy.command import CommandError
from paf_haproxy.context import Context, Notice
from paf_haproxy.crash import KNOWN, settled
from paf_haproxy.params import parse
from paf_haproxy.postmaster import crashed, suspected

from paf_lab.drill.crash import REPORTED

STATUS = (Path(__file__).parent / "data" / "crm_mon-a-node-down.xml").read_text()
NOW = 1_764_339_000.0


@pytest.fixture
def ended() -> int:
    """The pid of a process that has ended."""
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def lock(directory: Path, pid: int | str, start: str = "1764339000") -> None:
    text = f"{pid}\n/var/lib/postgresql/15/main\n{start}\n5434\n{directory}\n"
    (directory / ".s.PGSQL.5434.lock").write_text(text)


def test_a_postmaster_that_ended_in_order(tmp_path: Path) -> None:
    assert crashed(str(tmp_path), 5434) == ""


def test_a_postmaster_that_runs(tmp_path: Path) -> None:
    lock(tmp_path, os.getpid())
    assert crashed(str(tmp_path), 5434) == ""


def test_a_postmaster_that_crashed(tmp_path: Path, ended: int) -> None:
    lock(tmp_path, ended)
    assert crashed(str(tmp_path), 5434) == f"{ended} 1764339000"
    assert suspected({"pghost": str(tmp_path)}) == f"{ended} 1764339000"
    assert suspected({"pghost": str(tmp_path), "pgport": "5435"}) == ""


@pytest.mark.parametrize("text", ["", "x\n", "1\n2\n", "4711\n/data\nyesterday\n", "9" * 30])
def test_a_lock_file_that_is_damaged(text: str, tmp_path: Path) -> None:
    (tmp_path / ".s.PGSQL.5434.lock").write_text(text)
    assert crashed(str(tmp_path), 5434) == ""


def test_a_crash_is_reported_once() -> None:
    assert settled("1764330000 4711 1764320000\n", "4711 1764320000", NOW, 6) == KNOWN
    assert settled("1764330000 4711 1764320000\n", "4711 1764338000", NOW, 6) == ""


def test_reports_in_an_hour() -> None:
    notes = "".join(f"{NOW - 600 * ago:.0f} {ago} 1764330000\n" for ago in range(1, 12))
    assert "5 crashes were reported" in settled(notes, "4711 1764338000", NOW, 5)
    assert settled(notes, "4711 1764338000", NOW, 6) == ""


def test_damaged_notes() -> None:
    assert settled("\n\0\nx y\n9999\n", "4711 1764338000", NOW, 1) == ""


class World:
    """A node whose PostgreSQL has crashed, and what its commands answer."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.raw = {"pghost": str(directory), "statedir": str(directory)}
        self.code = 9
        self.idle = [True]
        self.status = STATUS
        self.reports: list[tuple[str, ...]] = []
        self.on_check: Callable[[], None] = lambda: None
        self.course: list[str] = []
        """What has happened, in order."""

    def run(self, command: list[str], timeout: float = 0) -> str:
        if command[0] == "crm_mon":
            return self.status
        assert command[:2] == ["crm_resource", "--fail"]
        self.reports.append(tuple(command[2:]))
        self.course.append("report")
        return ""

    def start(self, command: list[str], timeout: float, environment: dict[str, str]) -> Monitor:
        assert command[:4] == ["crm_resource", "--resource", "pgsqld", "--force-check"]
        assert timeout <= crash.CHECK_WITHIN and "OCF_RESKEY_CRM_meta_master_max" in environment
        self.course.append("start")
        return Monitor(self)

    def is_idle(self, dc: str) -> bool:
        assert dc == "srv1", "crm_mon has named it"
        found = self.idle.pop(0) if len(self.idle) > 1 else self.idle[0]
        self.course.append("idle" if found else "busy")
        return found

    def attempt(self) -> bool:
        return crash.attempt(self.context(), parse(self.raw))

    def report(self) -> None:
        crash.report(self.context(), parse(self.raw))

    def context(self) -> Context:
        return Context("report", "srv1", self.raw, Notice(""))


class Monitor:
    """PAF's monitor, which runs beside the agent."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.world.course.append("end")

    def output(self, fails: bool) -> str:
        assert fails, "its exit code is the answer"
        self.world.course.append("output")
        self.world.on_check()
        return f'<r><agent-status code="{self.world.code}"/></r>'


@pytest.fixture
def world(tmp_path: Path, ended: int, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    lock(tmp_path, ended)
    monkeypatch.setattr(crash, "run", made.run)
    monkeypatch.setattr(crash, "Program", made.start)
    monkeypatch.setattr(crash, "PAUSE", 0.01)
    monkeypatch.setattr(pacemaker, "idle", made.is_idle)
    return made


REPORT = ("--resource", "pgsqld", "--node", "srv1")


def test_it_is_reported_once(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    assert not world.attempt()
    assert not world.attempt()
    assert world.reports == [REPORT]
    assert f": {REPORTED}, which" in capfd.readouterr().err


def test_it_is_reported_when_pacemaker_is_idle(world: World) -> None:
    world.idle = [False, False, True]
    world.report()
    assert world.reports == [REPORT]


def test_pafs_monitor_runs_while_the_dc_is_asked(world: World) -> None:
    world.report()
    assert world.course == ["start", "idle", "output", "end", "report"]


def test_pafs_monitor_is_ended_by_a_transition(world: World) -> None:
    """And it is started again only after that."""
    world.idle = [False, False, True]
    world.report()
    busy = ["start", "busy", "end", "busy"]
    assert world.course == [*busy, "idle", "start", "idle", "output", "end", "report"]


def test_a_transition_that_begins_meanwhile(world: World) -> None:
    world.idle = [False, True, False, True]
    world.report()
    assert world.course.count("output") == 1 and world.reports == [REPORT]


def test_a_transition_that_does_not_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash, "PATIENCE", 0.1)
    world.idle = [False]
    world.report()
    assert world.reports == [] and world.course.count("start") == 1


@pytest.mark.parametrize("code", [0, 7, 8])
def test_paf_must_confirm_it(code: int, world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.code = code
    for _ in range(3):
        assert not world.attempt()
    assert world.reports == []
    told = capfd.readouterr().err
    assert told.count("not reported to Pacemaker: PAF's own monitor does not confirm it") == 1


def test_it_can_be_switched_off(world: World) -> None:
    world.raw["crash_reports"] = "0"
    assert not world.attempt()
    assert world.reports == []


def test_postgresql_is_back_meanwhile(world: World, tmp_path: Path) -> None:
    world.on_check = lambda: lock(tmp_path, os.getpid())
    assert not world.attempt()
    assert world.reports == []


def test_another_process_is_at_it(world: World, tmp_path: Path) -> None:
    with (tmp_path / "crashes").open("a") as notes:
        fcntl.flock(notes, fcntl.LOCK_EX)
        assert not world.attempt()
    assert world.reports == []
    assert not world.attempt()
    assert world.reports == [REPORT]


def test_maintenance(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.status = STATUS.replace('maintenance-mode="false"', 'maintenance-mode="true"')
    assert not world.attempt()
    assert world.reports == []
    assert "the cluster has maintenance-mode=true" in capfd.readouterr().err


def test_a_report_that_pacemaker_does_not_take_is_not_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It may have taken it all the same."""

    def run(command: list[str], timeout: float = 0) -> str:
        if "--fail" in command:
            world.reports.append(tuple(command))
            raise CommandError(command, 1, "no answer")
        return world.run(command, timeout)

    monkeypatch.setattr(crash, "run", run)
    assert not world.attempt()
    assert not world.attempt()
    assert len(world.reports) == 1
    assert "no answer" in capfd.readouterr().err


def test_the_limit_of_an_hour(world: World, tmp_path: Path) -> None:
    world.raw["crash_reports"] = "1"
    (tmp_path / "crashes").write_text(f"{time.time() - 60:.0f} 1 2\n")
    assert not world.attempt()
    assert world.reports == []
