"""Faults of a burst begin, last and are taken back, whatever becomes of their node."""

from __future__ import annotations

import subprocess
import time
from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab.drill.faults.notify import HANGING
from paf_lab.drill.settings import Settings
from paf_lab.errors import LabError
from paf_lab.soak import burst, faults, scene
from paf_lab.soak.scene import Scene
from paf_lab.soak.schedule import PRIMARY, Entry


class Fake:
    """A node that notes what it is told to do. state: of its units."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = f"10.0.0.{name[-1]}"
        self.running = True
        self.states = "active\nactive"
        self.done: list[str] = []

    def run(self, *argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
        if not self.running:
            raise LabError(f"{self.name} does not run")
        if argv[0] == "systemctl":
            return subprocess.CompletedProcess(argv, 0, self.states, "")
        self.done.append(" ".join(argv) + (options.get("input") or ""))
        return subprocess.CompletedProcess(argv, 0, "4711\n", "")

    def cut_off(self) -> None:
        self.done.append("cut")

    def plug_in(self) -> None:
        self.done.append("plugged in")

    def power_off(self) -> None:
        self.done.append("off")
        self.running = False


@pytest.fixture
def nodes() -> list[Fake]:
    return [Fake(name) for name in ("srv1", "srv2", "srv3")]


@pytest.fixture
def stand(nodes: list[Fake], monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Returns a scene on which srv2 is the primary."""
    monkeypatch.setattr(scene, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(burst, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(Scene, "leader", lambda self: "srv2")
    target = SimpleNamespace(nodes=nodes, settings=Settings())
    made = Scene(target, lambda text: None)  # type: ignore[arg-type]
    made.assign()
    return made


def test_standbys_have_their_roles_by_their_names(stand: Scene) -> None:
    assert stand.roles == {"primary": "srv2", "standby-1": "srv1", "standby-2": "srv3"}
    stand.away.add("srv1")
    assert stand.anyone.name == "srv2"
    assert stand.node("cluster").name == "srv2"


def test_faults_overlap_and_are_taken_back(stand: Scene, nodes: list[Fake]) -> None:
    entries = (
        Entry(1, 0.0, "cut", PRIMARY, 0.3),
        Entry(1, 0.1, "hanging-notify", "standby-1", 0.0),
        Entry(1, 0.1, "kill-postgres", PRIMARY, 0.0),
    )
    start = time.monotonic()
    found = burst.run(entries, stand)
    assert 0.3 <= time.monotonic() - start < 3
    assert [(each.entry, each.skipped) for each in found] == [(each, "") for each in entries]
    srv1, srv2, srv3 = (each.done for each in nodes)
    assert srv2[0] == "cut" and srv2[-1] == "plugged in"
    assert srv2[1:-1] == [f"head -1 {Settings().pgdata}/postmaster.pid", "kill -KILL 4711"]
    assert any(HANGING in line for line in srv1) and "mv -f" in srv1[-1]
    assert not srv3
    assert stand.away == {"srv2"} and not stand.not_undone()


def test_what_cannot_be_taken_back_yet_waits_for_its_node(stand: Scene, nodes: list[Fake]) -> None:
    entries = (
        Entry(1, 0.0, "lost-notify", PRIMARY, 0.3),
        Entry(1, 0.1, "power-off", PRIMARY, 0.0),
        Entry(1, 0.2, "role-file", PRIMARY, 0.0),
    )
    found = burst.run(entries, stand)
    assert [each.skipped for each in found] == ["", "", "srv2 is off"]
    assert stand.not_undone() == "lost-notify of primary"
    stand.rest(0)
    assert stand.not_undone(), "the node is still off"
    nodes[1].running = True
    stand.rest(0)
    assert not stand.not_undone() and "mv -f" in nodes[1].done[-1]


def test_a_node_is_not_taken_away_while_the_cluster_does_not_run_there(
    stand: Scene, nodes: list[Fake]
) -> None:
    nodes[1].states = "inactive\nactive"
    (found,) = burst.run([Entry(1, 0.0, "power-off", PRIMARY, 0.0)], stand)
    assert found.skipped == "the cluster does not run on srv2"
    assert nodes[1].running and found.as_json()["skipped"] == found.skipped


def test_a_fault_that_fails_is_taken_back_at_once(stand: Scene, nodes: list[Fake]) -> None:
    nodes[0].run = failing  # type: ignore[method-assign]
    entry = Entry(1, 0.0, "packet-loss", "standby-1", 30.0)
    start = time.monotonic()
    (found,) = burst.run([entry], stand)
    assert found.skipped == "no such match" and time.monotonic() - start < 5
    assert stand.not_undone() == "packet-loss of standby-1"


def failing(*argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
    if argv[0] == "systemctl":
        return subprocess.CompletedProcess(argv, 0, "active\nactive", "")
    raise LabError("no such match")


def test_an_interrupted_burst_takes_back_what_has_begun(
    stand: Scene, nodes: list[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    def rest(seconds: float) -> None:
        time.sleep(0.2)
        raise KeyboardInterrupt

    monkeypatch.setattr(stand, "rest", rest)
    entries = (Entry(1, 0.0, "cut", PRIMARY, 60.0), Entry(1, 50.0, "cut", "standby-1", 1.0))
    with pytest.raises(KeyboardInterrupt):
        burst.run(entries, stand)
    assert nodes[1].done == ["cut", "plugged in"]
    assert not nodes[0].done, "what has not begun does not begin"


def test_the_machine_is_asked_for_packet_loss(stand: Scene, nodes: list[Fake]) -> None:
    assert not faults.impossible(stand)
    assert "-I INPUT" in nodes[0].done[0] and "-D INPUT" in nodes[0].done[1]


def test_a_machine_without_packet_loss_is_told(
    stand: Scene, nodes: list[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*argv: str, **options: Any) -> None:
        if options.get("check", True):
            raise LabError("no such match")

    monkeypatch.setattr(nodes[0], "run", run)
    assert faults.impossible(stand) == {"packet-loss": "no such match"}
