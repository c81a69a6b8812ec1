"""When a node that was lost is started again, and with which instance; and mending meanwhile."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from paf_lab import cluster, health
from paf_lab.errors import LabError
from paf_lab.health import PROMOTED_WITHIN, too_soon
from paf_lab.node import NODES
from paf_lab.topology import base
from paf_lab.topology.base import PATIENCE, Topology

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
    assert cluster.rejoin(node, leads, rebuild, CONTROL, anew) == copied  # type: ignore[arg-type]
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


def test_only_lost_nodes_are_brought_back(monkeypatch: pytest.MonkeyPatch) -> None:
    back: list[tuple[str, str | None]] = []
    monkeypatch.setattr(cluster, "absent", lambda node: node is NODES[1])
    monkeypatch.setattr(cluster, "bring_back", lambda node, leads: back.append((node.name, leads)))
    health.bring_back_lost(lambda: None, 1)
    assert back == []
    health.bring_back_lost(lambda: "srv3", 1)
    health.bring_back_lost(lambda: None, PROMOTED_WITHIN + 1)
    assert back == [("srv2", "srv3"), ("srv2", None)]


class Lame(Topology):
    """It is whole once it was mended so often."""

    name = "lame"

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.mended: list[float] = []

    def lacking(self) -> str:
        return "" if len(self.mended) >= self.wanted else "it is lame"

    def primary(self) -> str | None:
        return None

    def mend(self, primary: str | None, waited: float) -> None:
        self.mended.append(waited)
        raise LabError("a node went down")


class Clock:
    """Time that passes only while one rests."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_topology_is_mended_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(base, "time", clock)
    lame = Lame(wanted=3)
    lame.mend_until_whole(100, 2, clock.sleep)
    assert lame.mended == [PATIENCE + 2, 2 * (PATIENCE + 2), 3 * (PATIENCE + 2)]


def test_a_topology_that_stays_lame(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(base, "time", clock)
    with pytest.raises(LabError, match="lame is not whole after 30 s: it is lame"):
        Lame(wanted=9).await_whole(within=30)
    assert clock.now == pytest.approx(30.5)
