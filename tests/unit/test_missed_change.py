"""A change of primary that this node was not told: when HAProxy is brought to it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paf_haproxy import missed_change, pacemaker, postmaster, rolefile, supervisor
from paf_haproxy.command import CommandError
from paf_haproxy.missed_change import follow, unknown
from paf_haproxy.ocf import AgentError
from paf_haproxy.params import parse
from paf_haproxy.rolefile import Role
from paf_haproxy.routing import wanted
from paf_haproxy.view import ClusterView

from tests.tools.fake_haproxy import FakeHaproxy
from tests.tools.model import Model

NODES = ("srv1", "srv2", "srv3")
BEFORE = ClusterView("srv1")
CONFIRMED = ("srv2",)


class Haproxy(FakeHaproxy):
    """on_command: called once, when the first change has been made."""

    on_command: Callable[[], None] | None = None

    def serve(self, connection: socket.socket) -> None:
        super().serve(connection)
        if self.commands and self.on_command:
            done, self.on_command = self.on_command, None
            done()


class World:
    """srv3, whose HAProxy leads to srv1 although srv2 says that it is the primary."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.params = parse({"statedir": str(directory), "pghost": str(directory)})
        self.haproxy = Haproxy(Model(wanted(BEFORE, NODES)))
        self.promoted: list[tuple[str, ...]] = [CONFIRMED]
        self.asked = 0
        self.on_question: Callable[[], None] = lambda: None
        self.remember(BEFORE)
        (directory / "memory").mkdir()
        self.note(f"{time.time():.0f} missed srv2\n")

    def note(self, text: str) -> None:
        Path(supervisor.note_path(str(self.directory))).write_text(text)

    def remember(self, view: ClusterView) -> None:
        rolefile.save(str(self.directory), Role(view, True, "post-promote", ["srv3"], 4))

    def ask(self, clone: str) -> tuple[str, ...]:
        assert clone == "pgsqld-clone"
        self.asked += 1
        self.on_question()
        return self.promoted.pop(0) if len(self.promoted) > 1 else self.promoted[0]

    @property
    def role(self) -> Role:
        role = rolefile.load(str(self.directory))
        assert role
        return role

    def assert_unchanged(self, view: ClusterView = BEFORE) -> None:
        assert self.haproxy.take() == []
        assert (self.role.view, self.role.event) == (view, "post-promote")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path)
    monkeypatch.setattr(pacemaker, "promoted", made.ask)
    monkeypatch.setattr(missed_change, "PAUSE", 0.01)
    monkeypatch.setattr(missed_change, "PATIENCE", 0.1)
    with made.haproxy.listen(tmp_path / "admin.sock"):
        yield made


def test_haproxy_is_brought_to_it(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    assert follow(world.params)
    assert world.haproxy.model.states == wanted(ClusterView("srv2"), NODES, ["srv3"])
    role = world.role
    assert (role.view, role.event, role.repaired) == (ClusterView("srv2"), "missed-change", 1)
    assert role.promoted and role.drained == {"srv3"} and role.notified == 4, "as it was"
    words = "missed-change: the notifications left primary srv1, Pacemaker says primary srv2\n"
    assert words in capfd.readouterr().err


def test_once_is_enough(world: World) -> None:
    assert follow(world.params)
    world.haproxy.take()
    assert follow(world.params)
    assert world.haproxy.take() == [] and world.asked == 1


@pytest.mark.parametrize(
    "text",
    ["", "\n", "missed srv2\n", "1764339000 production\n", "1 missed srv2 more\n", "1 x srv2\n"],
)
def test_other_notes(text: str, world: World) -> None:
    world.note(text)
    assert not follow(world.params)
    assert world.asked == 0
    world.assert_unchanged()


def test_an_old_note(world: World) -> None:
    then = time.time() - missed_change.FRESH - 5
    os.utime(supervisor.note_path(world.params.statedir), (then, then))
    assert not follow(world.params)


def test_no_note(world: World) -> None:
    Path(supervisor.note_path(world.params.statedir)).unlink()
    assert not follow(world.params)


def test_a_note_that_is_a_link_or_a_pipe(world: World, tmp_path: Path) -> None:
    """HAProxy's user could make either, and the agent runs as root."""
    note = Path(supervisor.note_path(world.params.statedir))
    note.rename(tmp_path / "elsewhere")
    note.symlink_to(tmp_path / "elsewhere")
    assert not follow(world.params)
    note.unlink()
    os.mkfifo(note)
    assert not follow(world.params)


@pytest.mark.parametrize("promoted", [(), ("srv1",), ("srv3",), ("srv1", "srv2")])
def test_pacemaker_does_not_confirm_it(promoted: tuple[str, ...], world: World) -> None:
    """Somebody has promoted a standby by hand."""
    world.promoted = [promoted]
    assert follow(world.params)
    assert world.asked > 1, "its promotion may not have ended"
    world.assert_unchanged()


def test_pacemaker_confirms_it_later(world: World) -> None:
    world.promoted = [("srv1",), (), CONFIRMED]
    follow(world.params)
    assert world.haproxy.model.ready() == {"srv2"}


def test_pacemaker_does_not_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_: str) -> tuple[str, ...]:
        raise CommandError(["crm_resource"], 102, "no cluster")

    monkeypatch.setattr(pacemaker, "promoted", silent)
    assert follow(world.params)
    world.assert_unchanged()


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (ClusterView(), True),
        (ClusterView("srv1"), True),
        (ClusterView("srv1", "srv3"), True),
        (ClusterView("srv2"), False),
        (ClusterView("srv1", "srv2"), False),
        (ClusterView("srv1", "srv3", ["srv2"]), False),
        (ClusterView(None, None, ["srv2"]), False),
    ],
)
def test_which_views_do_not_know_it(view: ClusterView, expected: bool, world: World) -> None:
    """A node that is armed comes up by itself, and one that leaves is not brought back."""
    assert unknown(view, "srv2") is expected
    world.remember(view)
    follow(world.params)
    assert (world.role.view == ClusterView("srv2")) is (expected or view == ClusterView("srv2"))
    assert (world.asked > 0) is expected


def test_a_notification_comes_while_pacemaker_is_asked(world: World) -> None:
    told = ClusterView("srv1", "srv2")
    world.on_question = lambda: world.remember(told)
    follow(world.params)
    world.assert_unchanged(told)


def test_a_notification_that_changed_something_else(world: World) -> None:
    """It is not lost, and HAProxy is brought to the primary all the same."""

    def drain() -> None:
        world.on_question = lambda: None
        rolefile.save(world.params.statedir, world.role.after("monitor", drained=["srv1"]))

    world.on_question = drain
    follow(world.params)
    assert world.haproxy.model.states == wanted(ClusterView("srv2"), NODES, ["srv1"])
    assert world.asked == 2


def test_a_notification_comes_while_haproxy_follows(world: World) -> None:
    """Its word is the last one."""
    told = ClusterView("srv2", "srv3")
    world.haproxy.on_command = lambda: world.remember(told)
    follow(world.params)
    assert world.haproxy.model.states == wanted(told, NODES, ["srv3"])
    assert world.role.view == told


def test_after_a_stop_no_role_file_is_made(world: World) -> None:
    """A monitor would start HAProxy again."""
    rolefile.forget(world.params.statedir)
    follow(world.params)
    assert world.asked == 0 and rolefile.load(world.params.statedir) is None


def test_a_stop_while_pacemaker_is_asked(world: World) -> None:
    world.on_question = lambda: rolefile.forget(world.params.statedir)
    follow(world.params)
    assert world.haproxy.take() == [] and rolefile.load(world.params.statedir) is None


def test_a_damaged_role_file_is_left_to_the_monitor(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    Path(rolefile.path(world.params.statedir)).write_text("nonsense")
    assert follow(world.params)
    assert world.asked == 0 and world.haproxy.take() == []
    assert "missed-change: the role file" in capfd.readouterr().err


def test_a_role_file_that_cannot_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The next monitor would lead HAProxy back."""

    def full(*_: object) -> None:
        raise AgentError("cannot write the role file")

    monkeypatch.setattr(rolefile, "save", full)
    follow(world.params)
    world.assert_unchanged()
    assert "missed-change: cannot write the role file" in capfd.readouterr().err


def test_a_crash_is_more_urgent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missed_change, "PATIENCE", 60)
    monkeypatch.setattr(postmaster, "crashed", lambda *_: "4711 1764339000")
    world.promoted = [()]
    assert follow(world.params)
    assert world.asked == 1
