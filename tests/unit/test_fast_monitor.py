"""The monitor's fast path is taken if nothing has changed, and only then."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from paf_haproxy import pacemaker, rolefile
from paf_haproxy.actions import fast_monitor
from paf_haproxy.context import Context, Notice
from paf_haproxy.ocf import RUNNING_PROMOTED, SUCCESS
from paf_haproxy.rolefile import Role
from paf_haproxy.routing import wanted
from paf_haproxy.view import ClusterView

from tests.tools.fake_haproxy import FakeHaproxy
from tests.tools.model import Model

NODES = ("srv1", "srv2", "srv3")
VIEW = ClusterView("srv1")


class World:
    """A node on which all is well, and a thorough monitor has said so."""

    def __init__(self, directory: Path, haproxy: FakeHaproxy, cib: Path) -> None:
        self.directory = directory
        self.haproxy = haproxy
        self.cib = cib
        rolefile.save(str(directory), Role(VIEW, True, "post-promote"))
        fast_monitor.remember(self.context(), fast_monitor.state(self.context()))

    def context(self, interval: int = 4000, promoted: bool = True, **parameters: str) -> Context:
        values: Mapping[str, str] = {"statedir": str(self.directory), **parameters}
        return Context("monitor", "srv1", values, Notice("-"), interval=interval, promoted=promoted)

    def look(self, interval: int = 4000, promoted: bool = True, **parameters: str) -> int | None:
        return fast_monitor.look(self.context(interval, promoted, **parameters))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    cib = tmp_path / "cib.xml"
    cib.write_text("<cib/>")
    monkeypatch.setattr(fast_monitor, "CIB", str(cib))
    haproxy = FakeHaproxy(Model(wanted(VIEW, NODES)))
    with haproxy.listen(tmp_path / "admin.sock"):
        yield World(tmp_path, haproxy, cib)


def test_nothing_has_changed(world: World) -> None:
    assert world.look() == RUNNING_PROMOTED
    rolefile.save(str(world.directory), Role(VIEW, False, "demote"))
    assert world.look(promoted=False) == SUCCESS
    assert world.haproxy.take() == [], "it only looks"


def test_a_silent_primary_is_looked_at_each_time(world: World) -> None:
    """It may have lost the role without a notification."""
    silent = world.directory / "memory" / "silent"
    silent.parent.mkdir()
    silent.write_text("srv1 trusted 17-2 31 1795000000\n")
    assert world.look() is None
    os.utime(silent, (time.time() - 10, time.time() - 10))
    assert world.look() == RUNNING_PROMOTED, "it answers again"


def drained(world: World) -> None:
    rolefile.save(str(world.directory), Role(VIEW, True, "monitor", ["srv3"]))


def unsettled(world: World) -> None:
    rolefile.save(str(world.directory), Role(ClusterView("srv1", "srv2"), True, "pre-promote"))


def moved(world: World) -> None:
    rolefile.save(str(world.directory), Role(ClusterView("srv2"), True, "post-promote"))


def junk(world: World) -> None:
    (world.directory / "role").write_text("junk")


def drift(world: World) -> None:
    world.haproxy.model.run("set server stdby/srv2 state maint")


def primary_down(world: World) -> None:
    world.haproxy.model.run("set server prod/srv1 agent down")


def another_cib(world: World) -> None:
    new = world.cib.with_suffix(".new")
    new.write_text("<cib/>")
    new.rename(world.cib)


def no_cib(world: World) -> None:
    world.cib.unlink()


def long_ago(world: World) -> None:
    old = time.time() - fast_monitor.VALID - 1
    os.utime(world.directory / "seen", (old, old))


def in_the_future(world: World) -> None:
    """The clock was set back."""
    later = time.time() + 3600
    os.utime(world.directory / "seen", (later, later))


def never(world: World) -> None:
    (world.directory / "seen").unlink()


@pytest.mark.parametrize(
    "change",
    [
        drained, unsettled, moved, junk, drift, primary_down, another_cib, no_cib, long_ago,
        in_the_future, never,
    ],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_something_has_changed(world: World, change: Callable[[World], None]) -> None:
    change(world)
    assert world.look() is None
    assert world.haproxy.take() == [], "what is to be done, the thorough one does"


@pytest.mark.parametrize(("busy", "code"), [(True, RUNNING_PROMOTED), (False, None)])
def test_a_primary_that_pacemaker_may_be_recovering(
    busy: bool, code: int | None, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacemaker, "busy", lambda: busy)
    primary_down(world)
    assert world.look() == code


def test_whose_monitor_it_is(world: World) -> None:
    assert world.look(interval=0) is None, "a probe, or a person"
    assert world.look(prod_port="6432") is None, "a parameter was changed"
    assert world.look(promoted=False) is None, "Pacemaker does not know that it is promoted"


def test_haproxy_is_gone(world: World) -> None:
    (world.directory / "admin.sock").rename(world.directory / "gone.sock")
    assert world.look() is None
    (world.directory / "gone.sock").rename(world.directory / "admin.sock")


def test_what_cannot_be_remembered_is_looked_at_again(world: World) -> None:
    """A full disk must not fail a monitor."""
    (world.directory / "seen").unlink()
    (world.directory / "seen").mkdir()
    fast_monitor.remember(world.context(), "x")
    assert world.look() is None
    (world.directory / "seen").rmdir()
    fast_monitor.remember(world.context(), None)
    assert not (world.directory / "seen").exists()


def test_what_a_reload_replaced(world: World) -> None:
    """An upgrade that is taken back before the next monitor leaves all as it was, but HAProxy."""
    fast_monitor.forget(str(world.directory))
    assert world.look() is None
    fast_monitor.forget(str(world.directory))
