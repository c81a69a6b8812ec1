"""A monitor whose primary serves nobody asks Pacemaker who it is, where that may be asked."""

from __future__ import annotations

import pytest

from tests.tools.node import Cluster
from tests.tools.waiting import always, eventually


@pytest.fixture
def misled(cluster: Cluster) -> Cluster:
    """srv1's promotion was never heard of: HAProxy leads to srv2, which is a standby."""
    cluster.pacemaker("srv2")
    for node in cluster.nodes:
        node.do("start")
    cluster.pacemaker("srv1")
    return cluster


def test_a_missed_notification(misled: Cluster) -> None:
    node = misled.srv2
    assert node.state("prod/srv2") == "ready" and not node.up("prod/srv2")
    result = node.mend()
    assert "the notifications left primary srv2, Pacemaker says primary srv1" in result.err
    assert node.state("prod/srv1") == "ready" and node.state("prod/srv2") == "maint"
    eventually(lambda: node.up("prod/srv1"), "it leads to srv1")
    assert node.role()["primary"] == "srv1"
    assert node.mend().err == ""


@pytest.mark.parametrize("state", ["S_TRANSITION_ENGINE", "S_POLICY_ENGINE", "S_INTEGRATION"])
def test_a_transition_is_not_interfered_with(misled: Cluster, state: str) -> None:
    misled.pacemaker("srv1", state)
    node = misled.srv2
    assert node.mend().err == ""
    assert node.state("prod/srv2") == "ready" and node.role()["primary"] == "srv2"


def test_a_dc_that_died_holds_no_notification_up(misled: Cluster) -> None:
    """Pacemaker's executor keeps it waiting as long as a monitor takes, and crmadmin would wait."""
    misled.pacemaker("srv1", "silent")
    node = misled.srv2
    assert node.act("monitor", timeout=2).code == 0, "in 4 s at most, of which it needs 1"
    assert node.state("prod/srv2") == "ready" and node.role()["primary"] == "srv2"


def test_no_cluster_to_ask(misled: Cluster) -> None:
    misled.pacemaker(None)
    node = misled.srv2
    node.mend()
    assert node.state("prod/srv2") == "ready" and node.role()["primary"] == "srv2"


def test_a_missed_notification_never_leads_to_a_standby(misled: Cluster) -> None:
    """While the two disagree nobody is served, before and after."""
    node = misled.srv2
    always(lambda: not node.up("prod/srv2"), "srv2 is down in prod", during=1.0)


def test_nobody_vouches_for_a_primary_that_says_no(running: Cluster) -> None:
    """HAProxy on srv1 is there, and tells that its PostgreSQL is not."""
    node = running.srv2
    running.srv1.postgres.stop()
    try:
        node.await_up("prod/srv1", up=False)
        for _ in range(3):
            assert "vouches" not in node.mend().err
        assert not node.up("prod/srv1")
    finally:
        running.srv1.postgres.start()
