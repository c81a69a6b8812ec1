"""After a burst nobody repairs; a former primary alone is made anew."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab import health, rejoin
from paf_lab.drill import commands
from paf_lab.drill.cluster import Clone, ClusterState
from paf_lab.drill.settings import Settings
from paf_lab.errors import LabError
from paf_lab.soak import whole
from paf_lab.soak.whole import SoakRecovery

NAMES = ("srv1", "srv2", "srv3")


class FakeNode:
    """A node that notes what becomes of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.running = True
        self.done: list[str] = []

    def run(self, *argv: str, **_: Any) -> None:
        self.done.append(" ".join(argv))

    def boot(self) -> None:
        self.done.append("boot")
        self.running = True


def state(online: tuple[str, ...] = NAMES, failures: tuple[str, ...] = ()) -> ClusterState:
    clone = Clone(frozenset(online), frozenset({"srv1"}))
    clones = {"pgsqld-clone": clone, "haproxy-clone": clone}
    return ClusterState(frozenset(online), "srv1", clones, failures)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns a cluster that is whole: srv1 leads, the others stream. What Pacemaker and HAProxy
    answer can be changed in it.
    """
    made = SimpleNamespace(
        nodes={name: FakeNode(name) for name in NAMES}, access=Settings(), rebuilt=[], said=[],
        state=state(), healthy="", moves=(), idle=True, streaming=["srv2", "srv3"], undone="",
    )  # fmt: skip
    made.anyone = made.nodes["srv1"]
    made.say = made.said.append
    made.leader = lambda: "srv1"
    made.not_undone = lambda: made.undone
    made.rest = lambda seconds: None
    brought: list[tuple[str, str | None, bool]] = []

    def bring_back(node: FakeNode, leads: str | None, rebuild: bool) -> str:
        brought.append((node.name, leads, rebuild))
        return "srv1" if rebuild else ""

    made.brought = brought
    made.target = SimpleNamespace(bring_back=bring_back)
    monkeypatch.setattr(commands, "status", lambda _: made.state)
    monkeypatch.setattr(commands, "moves", lambda _: made.moves)
    monkeypatch.setattr(commands, "idle", lambda *_: made.idle)
    monkeypatch.setattr(commands, "streaming", lambda *_: dict.fromkeys(made.streaming, "quorum"))
    monkeypatch.setattr(health, "healthy", lambda: made.healthy)
    monkeypatch.setattr(health, "at_rest", lambda: made.idle)
    monkeypatch.setattr(rejoin, "absent", lambda node: False)
    return made


def test_a_whole_cluster_lacks_nothing(scene: Any) -> None:
    assert not whole.lacking(scene)
    SoakRecovery(scene).await_whole(0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"undone": "cut of primary"}, "not undone: cut of primary"),
        ({"state": state(NAMES[:2])}, "srv3 not online"),
        ({"healthy": "stdby does not answer on srv2"}, "stdby does not answer on srv2"),
        ({"moves": ("cli-prefer-pgsqld",)}, "constraint cli-prefer-pgsqld is left from a move"),
        ({"idle": False}, "Pacemaker is not idle"),
    ],
)
def test_what_a_cluster_lacks_is_told(scene: Any, change: dict[str, Any], why: str) -> None:
    vars(scene).update(change)
    assert whole.lacking(scene) == why
    with pytest.raises(LabError, match=why):
        SoakRecovery(scene).await_whole(-1)


def test_failures_on_record_are_no_lack(scene: Any) -> None:
    scene.state = state(failures=("pgsqld monitor on srv2: error",))
    assert not whole.lacking(scene)


def test_a_node_that_goes_down_is_a_lack_and_no_error(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def status(_: object) -> None:
        raise LabError("srv1 does not run")

    monkeypatch.setattr(commands, "status", status)
    assert whole.lacking(scene) == "srv1 does not run"


def test_only_a_former_primary_is_made_anew_and_counted(scene: Any) -> None:
    scene.streaming = []
    recovery = SoakRecovery(scene, {"srv1", "srv2"})
    recovery.help(recovery.rebuild_after - 1)
    assert not scene.brought, "too soon"
    for _ in range(2):
        recovery.help(recovery.rebuild_after)
    assert scene.brought == [("srv2", "srv1", True)] and scene.rebuilt == ["srv2"]
    assert scene.nodes["srv2"].done == ["systemctl stop pacemaker corosync"]


def test_failures_are_not_cleared(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cleared: list[object] = []
    monkeypatch.setattr(commands, "cleanup", lambda *words: cleared.append(words))
    SoakRecovery(scene).help(1000)
    assert not cleared and not scene.nodes["srv1"].done


def test_the_cluster_is_started_on_a_node_that_was_fenced(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejoin, "absent", lambda node: node.name == "srv3")
    SoakRecovery(scene).start_lost()
    assert scene.brought == [("srv3", "srv1", False)] and not scene.rebuilt


def test_a_node_that_nobody_has_fenced_is_switched_on(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    scene.nodes["srv2"].running = False
    recovery = SoakRecovery(scene)
    recovery.start_lost()
    now[0] += whole.OFF_FOR
    recovery.start_lost()
    assert not scene.nodes["srv2"].done
    now[0] += 1
    recovery.start_lost()
    assert scene.nodes["srv2"].done == ["boot"] and "switched on" in scene.said[0]
