"""Whose sessions a notification closes: those of a primary whose node is out of the cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from paf_haproxy import pacemaker, run
from paf_haproxy.cluster import ClusterView
from paf_haproxy.context import Notice
from paf_haproxy.notify import lost, sever
from paf_haproxy.ocf import AgentError

from tests.tools.fake_haproxy import FakeHaproxy
from tests.tools.model import Model

VIEW = ClusterView("srv1", "srv2")
FENCED = Notice("pre-demote", ("srv2",), ("srv1",), ("srv1",), ("srv1",))
HANDED_OVER = Notice("pre-demote", ("srv2",), ("srv1",), ("srv1",))
STANDBY_STOPS_TOO = Notice("pre-demote", ("srv2",), ("srv1",), ("srv1",), ("srv3",))


@pytest.mark.parametrize(
    ("members", "gone"),
    [("srv2 srv3", {"srv1"}), ("srv1 srv2 srv3", set()), ("srv2", {"srv1"}), ("", set())],
)
def test_members(monkeypatch: pytest.MonkeyPatch, members: str, gone: set[str]) -> None:
    monkeypatch.setattr(pacemaker, "run", lambda *_: members + " \n")
    assert lost("srv2", VIEW, FENCED) == gone


@pytest.mark.parametrize("notice", [HANDED_OVER, STANDBY_STOPS_TOO])
def test_a_switchover_asks_nobody(monkeypatch: pytest.MonkeyPatch, notice: Notice) -> None:
    """It would take time from it, and the last of the WAL may still be on its way."""

    def asked(*_: object) -> str:
        pytest.fail("somebody was asked")

    monkeypatch.setattr(pacemaker, "run", asked)
    assert lost("srv2", VIEW, notice) == set()


def test_pacemaker_that_does_not_tell(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def silent(*_: object) -> str:
        raise AgentError("crm_node is not installed")

    monkeypatch.setattr(pacemaker, "run", silent)
    assert lost("srv2", VIEW, FENCED) == set()
    assert "sessions to srv1 stay for now" in capfd.readouterr().err


def test_sever(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The connections to that node's PostgreSQL, no others; what fails is said."""
    ran: list[list[str]] = []

    def ss(command: list[str], _: float) -> str:
        ran.append(command)
        raise AgentError("ss is not installed")

    monkeypatch.setattr(run, "run", ss)
    with FakeHaproxy(Model.fresh(["srv1", "srv2"])).listen(tmp_path / "admin.sock"):
        sever(str(tmp_path), ["srv1", "srv9"])
    assert ran == [["ss", "--kill", "--tcp", "--no-header", "dst", "127.0.0.1:5434"]]
    assert "connections to srv1 srv9 end by their keepalives" in capfd.readouterr().err


def test_sever_without_haproxy(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The notification goes on, and says what it did."""
    sever(str(tmp_path), ["srv1"])
    assert "connections to srv1 end by their keepalives" in capfd.readouterr().err
