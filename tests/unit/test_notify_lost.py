"""Whose sessions a notification closes: those of a primary whose node is out of the cluster."""

from __future__ import annotations

import pytest
from paf_haproxy import pacemaker
from paf_haproxy.actions.notify import lost
from paf_haproxy.context import Notice
from paf_haproxy.ocf import AgentError
from paf_haproxy.view import ClusterView

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
