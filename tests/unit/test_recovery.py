"""When a node that was lost is started again, with which instance, and when a person helps."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from typing import Any

import pytest

from paf_lab import cluster, health, recovery, rejoin
from paf_lab.errors import LabError
from paf_lab.node import NODES
from paf_lab.recovery import (
    AFTER_CLEAR,
    HELP_AFTER,
    LOOK_EVERY,
    PROMOTED_WITHIN,
    PafRecovery,
    too_soon,
)
from paf_lab.topology import Topology

CONTROL = ("pg_controldata", "/data")


class Lost:
    """A machine whose pg_controldata tells this state. It notes what it is told to do."""

    name = "srv1"

    def __init__(self, state: str) -> None:
        self.state = state
        self.done: list[str] = []

    def run(self, *argv: str, **_: Any) -> subprocess.CompletedProcess[str]:
        self.done.append(argv[0])
        return subprocess.CompletedProcess(argv, 0, f"Database cluster state:   {self.state}\n", "")


@pytest.mark.parametrize(
    ("state", "leads", "rebuild", "copied"),
    [
        ("shut down", "srv2", False, ""),
        ("in production", "srv2", False, "srv2"),
        ("shut down", "srv2", True, "srv2"),
        ("in production", "srv1", True, ""),
        ("in production", None, True, ""),
    ],
)
def test_an_instance_is_copied_only_if_it_cannot_follow(
    state: str, leads: str | None, rebuild: bool, copied: str
) -> None:
    node = Lost(state)
    anew = lambda primary: node.done.append(f"copy {primary}")  # noqa: E731
    assert rejoin.rejoin(node, leads, rebuild, CONTROL, anew) == copied  # type: ignore[arg-type]
    asked = ["pg_controldata"] if leads == "srv2" else []
    assert node.done == [*asked, *([f"copy {copied}"] if copied else []), "systemctl"]


@pytest.mark.parametrize(
    ("leads", "waited", "expected"),
    [
        (None, 0.0, True),
        (None, PROMOTED_WITHIN, True),
        (None, PROMOTED_WITHIN + 0.1, False),
        ("srv1", 1.0, True),
        ("srv2", 0.0, False),
    ],
)
def test_a_node_waits_until_another_is_promoted(
    leads: str | None, waited: float, expected: bool
) -> None:
    assert too_soon("srv1", leads, waited) is expected


class Clock:
    """Time that passes only while one rests."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(recovery, "time", made)
    return made


class Nursed(PafRecovery):
    """A cluster on srv1 to srv3 that becomes whole at a moment. It notes what is done for it."""

    nodes = NODES

    def __init__(self, clock: Clock, whole_at: float, slowness: float = 1.0) -> None:
        lacking = lambda: "" if clock.now >= whole_at else "srv2 is lame"  # noqa: E731
        super().__init__(lacking, lambda seconds: clock.sleep(seconds * slowness), slowness)
        self.clock = clock
        self.done: list[tuple[float, str]] = []
        self.leads: str | None = "srv1"
        self.quorate = True
        self.busy_until = 0.0

    def note(self, what: str) -> None:
        self.done.append((self.clock.now, what))

    def leader(self) -> str | None:
        return self.leads

    def quorum(self) -> bool:
        return self.quorate

    def idle(self) -> bool:
        return self.clock.now >= self.busy_until

    def clear(self) -> None:
        self.note("clear")

    def stuck(self, leads: str) -> Iterable[Any]:
        return [NODES[1]]

    def take_out(self, node: Any) -> None:
        self.note(f"take out {node.name}")

    def bring_back(self, node: Any, leads: str | None, rebuild: bool = False) -> None:
        self.note(f"{'rebuild' if rebuild else 'start'} {node.name} from {leads}")


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The nodes on which the cluster does not run: none at first."""
    names: set[str] = set()
    monkeypatch.setattr(rejoin, "absent", lambda node: node.name in names)
    return names


def test_only_lost_nodes_are_brought_back(clock: Clock, lost: set[str]) -> None:
    lost.add("srv2")
    nursed = Nursed(clock, whole_at=0)
    nursed.await_whole(within=90)
    assert nursed.done == [(0.0, "start srv2 from srv1")]


@pytest.mark.parametrize(("quorate", "at"), [(True, PROMOTED_WITHIN + LOOK_EVERY), (False, 0.0)])
def test_a_lost_node_waits_if_the_others_can_promote_one(
    clock: Clock, lost: set[str], quorate: bool, at: float
) -> None:
    lost.add("srv2")
    nursed = Nursed(clock, whole_at=1000)
    nursed.leads, nursed.quorate = None, quorate
    with pytest.raises(LabError):
        nursed.await_whole(within=90, help_after=100)
    assert nursed.done[0] == (at, "start srv2 from None")


def test_a_node_that_is_lost_again_waits_anew(clock: Clock, lost: set[str]) -> None:
    nursed = Nursed(clock, whole_at=1000)
    nursed.leads = None
    lost.add("srv2")
    nursed.start_lost()
    lost.clear()
    nursed.start_lost()
    clock.now = PROMOTED_WITHIN + 10
    lost.add("srv2")
    nursed.start_lost()
    assert nursed.done == []


@pytest.mark.parametrize("slowness", [1.0, 2.5])
def test_help_comes_now_and_then_and_a_standby_is_made_anew_once(
    clock: Clock, lost: set[str], slowness: float
) -> None:
    nursed = Nursed(clock, whole_at=65 * slowness, slowness=slowness)
    nursed.await_whole(within=90)
    first, *_ = nursed.done
    assert HELP_AFTER * slowness < first[0] <= (HELP_AFTER + 4) * slowness
    every = ["clear", "take out srv2", "rebuild srv2 from srv1", "clear"]
    assert [what for _, what in nursed.done] == every
    assert nursed.done[-1][0] - first[0] > HELP_AFTER * slowness


def test_a_node_that_was_stopped_is_not_back_too_soon(clock: Clock, lost: set[str]) -> None:
    nursed = Nursed(clock, whole_at=50)
    stop = nursed.take_out

    def take_out(node: Any) -> None:
        stop(node)
        nursed.busy_until = clock.now + 5

    nursed.take_out = take_out  # type: ignore[method-assign]
    nursed.await_whole(within=90)
    _, (stopped, _), (back, what), *_ = nursed.done
    assert what == "rebuild srv2 from srv1" and back >= stopped + 5


def test_help_waits_until_pacemaker_is_at_rest(clock: Clock, lost: set[str]) -> None:
    nursed = Nursed(clock, whole_at=50)
    nursed.busy_until = 40
    nursed.await_whole(within=90)
    assert nursed.done[0][0] >= 40 and nursed.done[0][1] == "clear"


def test_the_primary_is_asked_for_before_a_cleanup_makes_pacemaker_forget_it(
    clock: Clock, lost: set[str]
) -> None:
    nursed = Nursed(clock, whole_at=40)
    clear = nursed.clear

    def forgetful() -> None:
        clear()
        nursed.leads = None

    nursed.clear = forgetful  # type: ignore[method-assign]
    nursed.await_whole(within=90)
    (cleared, _), (taken, what), *_ = nursed.done
    assert what == "take out srv2" and taken == cleared + AFTER_CLEAR


def test_without_a_primary_no_standby_is_made_anew(clock: Clock, lost: set[str]) -> None:
    nursed = Nursed(clock, whole_at=30)
    nursed.leads = None
    nursed.await_whole(within=90)
    assert [what for _, what in nursed.done] == ["clear"]


def test_the_lab_is_helped_although_a_node_goes_down(
    clock: Clock, lost: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby is made anew at the second help: the first clears failures, and may suffice."""
    done: list[str] = []

    def clear() -> None:
        done.append("clear")
        if len(done) == 1:
            raise LabError("srv3 went down")

    monkeypatch.setattr(health, "take_back", clear)
    monkeypatch.setattr(health, "at_rest", lambda: True)
    monkeypatch.setattr(cluster, "promoted", lambda: "srv1")
    lame = health.LabRecovery(lambda: "" if clock.now > 85 else "it is lame", clock.sleep)

    def stuck(leads: str) -> list[Any]:
        done.append(f"ask {leads}")
        return []

    monkeypatch.setattr(lame, "stuck", stuck)
    lame.await_whole(within=100)
    assert done == ["clear", "clear", "ask srv1", "clear", "ask srv1"]


class Lame(Topology):
    """It is never whole."""

    name = "lame"

    def lacking(self) -> str:
        return "it is lame"


def test_a_topology_that_stays_lame(clock: Clock) -> None:
    with pytest.raises(LabError, match="lame is not whole after 30 s: it is lame"):
        Lame().await_whole(within=30, rest=clock.sleep)
    assert clock.now == pytest.approx(32)
