"""The actions promote and notify, on a real HAProxy and PostgreSQL."""

from __future__ import annotations

from tests.tools import environments
from tests.tools.node import Cluster

GENERIC, CONFIGURED, INSTALLED, NOT_RUNNING, PROMOTED = 1, 6, 5, 7, 8


def test_promote_says_why_not(running: Cluster) -> None:
    """Pacemaker's word is not enough: PostgreSQL has to confirm it."""
    (reason,) = running.srv2.do("promote", timeout=3, code=1).reasons
    assert reason == "PostgreSQL on this node is not the primary: it is in recovery"
    running.srv2.do("monitor")


def test_promote_if_postgresql_does_not_answer(running: Cluster) -> None:
    """Unknown is not "no": a promotion that fails is repeated, and HAProxy restarted each time."""
    node = running.srv1
    node.params["pghost"] = "/nonexistent"
    result = node.do("promote", timeout=3)
    assert "/nonexistent" in result.err and "HAProxy is promoted, because" in result.err
    assert node.role()["instance"] == "promoted"


def test_promote_without_the_database_of_the_parameter(running: Cluster) -> None:
    """The instance is asked in another one."""
    running.srv1.params["pgdatabase"] = running.srv2.params["pgdatabase"] = "nosuch"
    assert running.srv1.do("promote", timeout=3).err == ""
    (reason,) = running.srv2.do("promote", timeout=3, code=1).reasons
    assert reason == "PostgreSQL on this node is not the primary: it is in recovery"


def test_promote_what_does_not_run(cluster: Cluster) -> None:
    (reason,) = cluster.srv1.do("promote", code=1).reasons
    assert "does not listen" in reason


def test_notify_where_haproxy_is_not(cluster: Cluster) -> None:
    """It is remembered, so that the next monitor can make up for it."""
    node = cluster.srv2
    node.do("start")
    node.kill()
    environ = environments.notification(
        "pre-demote",
        "srv2",
        all_nodes=["srv1", "srv2"],
        promoted=["srv1"],
        demote=["srv1"],
        promote=["srv2"],
    )
    result = node.act("notify", environ=environ)
    assert result.code == 1 and "does not listen" in result.reasons[0]
    assert node.role()["leaving"] == "srv1"


def test_notify_without_a_role_file_that_can_be_written(running: Cluster) -> None:
    """HAProxy follows, and the monitor does not bring an old primary back."""
    node = running.srv1
    role = node.statedir / "role"
    role.unlink()
    role.mkdir()
    changes = {"demote": ["srv1"], "promote": ["srv2"]}
    for event in ("pre-demote", "post-promote"):
        environ = environments.notification(
            event, "srv1", all_nodes=["srv1", "srv2"], promoted=["srv1"], **changes
        )
        role_view = node.act("notify", environ=environ)
        assert role_view.code == 0 and "HAProxy follows without it" in role_view.err
    states = node.states()
    assert (states["prod/srv1"], states["prod/srv2"]) == ("maint", "ready")
    running.pacemaker("srv1", "S_TRANSITION_ENGINE")
    node.mend()
    assert node.states() == states, "Pacemaker is at work: the states of the notifications stay"
    running.pacemaker("srv2")
    node.mend()
    assert node.states() == states
    role.rmdir()
    node.mend()
    assert node.role()["primary"] == "srv2"
