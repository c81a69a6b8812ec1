"""The HAProxy on the primary's node does not answer: its last "up" is good for one postmaster."""

from __future__ import annotations

import time

import pytest

from tests.tools.instance import ask, stopped
from tests.tools.node import PROD, Cluster
from tests.tools.waiting import always, eventually

pytestmark = pytest.mark.usefixtures("fresh")

RECURRING = {"OCF_RESKEY_CRM_meta_interval": "4000"}
WHO = "SELECT pg_is_in_recovery()"


@pytest.fixture
def alone(running: Cluster) -> Cluster:
    """HAProxy runs on srv2 only, and srv1 is the primary."""
    running.srv1.kill()
    always(lambda: running.srv2.up("prod/srv1"), "nothing changes", during=1.5)
    return running


def test_its_node_serves_writes_across_a_reload_and_a_crash(alone: Cluster) -> None:
    node = alone.srv2
    node.params["maxconn"] = "1999"
    node.do("reload")
    always(lambda: node.up("prod/srv1"), "after the reload", during=1.5)
    node.kill()
    assert node.act("monitor", environ=RECURRING).code == 0
    node.await_up("prod/srv1", within=3)
    always(lambda: node.up("prod/srv1"), "after the crash", during=1.5)
    assert ask(node.address, PROD, WHO) is False


def test_it_may_last(alone: Cluster) -> None:
    """Longer than one connection to PostgreSQL that says nothing."""
    always(lambda: alone.srv2.up("prod/srv1"), "srv1 is up", during=30)


@pytest.mark.parametrize("standby", [True, False], ids=["as a standby", "as a primary"])
def test_postgresql_that_comes_back_gets_no_client(alone: Cluster, standby: bool) -> None:
    """Its role is not confirmed, so no write reaches it."""
    srv1, node = alone.nodes
    srv1.postgres.kill()
    eventually(lambda: not node.up("prod/srv1"), "out of prod at once", within=1)
    if standby:
        srv1.postgres.become_standby()
    srv1.postgres.start()
    for _ in range(5):
        always(lambda: not node.up("prod/srv1"), "out of prod", during=0.5)
        assert "vouches" not in node.mend().err
    srv1.do("start")
    if standby:
        always(lambda: not node.up("prod/srv1"), "it says that it is a standby", during=1)
    else:
        node.await_up("prod/srv1")


def test_a_failed_check_ends_it(alone: Cluster) -> None:
    """PostgreSQL hangs, and its node's HAProxy is gone."""
    with stopped([alone.srv1.postgres.postmaster]):
        alone.srv2.await_up("prod/srv1", up=False, within=8)
        assert "vouches" not in alone.srv2.mend().err
    always(lambda: not alone.srv2.up("prod/srv1"), "it stays out", during=1)


def test_pacemaker_is_asked_each_time(alone: Cluster) -> None:
    node = alone.srv2
    eventually(lambda: (node.statedir / "memory" / "silent").exists(), "srv1 is silent")
    alone.pacemaker("srv2")
    assert "Pacemaker says primary srv2" in node.act("monitor", environ=RECURRING).err
    assert node.state("prod/srv1") == "maint"


def test_pacemaker_vouches_after_a_while(cluster: Cluster) -> None:
    """srv1 was promoted after its HAProxy had ended: its role was never confirmed."""
    node = cluster.srv2
    node.do("start")
    began = time.monotonic()
    eventually(lambda: (node.statedir / "memory" / "silent").exists(), "srv1 is silent")
    assert not node.up("prod/srv1") and "vouches" not in node.mend().err
    cluster.pacemaker("srv1", state="S_TRANSITION_ENGINE")
    left = 46 - (time.monotonic() - began)
    always(lambda: not node.up("prod/srv1"), "srv1 is out of prod", during=left)
    node.mend()
    assert not node.up("prod/srv1"), "Pacemaker is at work: it may be about to demote"
    cluster.pacemaker("srv1")
    eventually(lambda: "vouches" in node.mend().err, "it vouches", within=8)
    node.await_up("prod/srv1")
    assert ask(node.address, PROD, WHO) is False
    cluster.srv1.postgres.kill()
    eventually(lambda: not node.up("prod/srv1"), "once", within=1)
    cluster.srv1.postgres.become_standby()
    cluster.srv1.postgres.start()
    for _ in range(3):
        always(lambda: not node.up("prod/srv1"), "it stays out", during=0.5)
        assert "vouches" not in node.mend().err


def test_a_candidate_whose_haproxy_ends_while_it_is_promoted(running: Cluster) -> None:
    """The promotion, of which a notification tells, is evidence enough: nobody waits for 45 s."""
    node, candidate = running.nodes
    change = {"demote": ["srv1"], "promote": ["srv2"]}
    running.notify("pre-demote", promoted=["srv1"], **change)
    always(lambda: not node.up("prod/srv2"), "it is armed", during=3.3)
    candidate.kill()
    node.postgres.kill()
    candidate.postgres.promote()
    running.pacemaker("srv2")
    node.notify("post-promote", promoted=["srv1"], **change)
    eventually(lambda: "vouches" in node.mend().err, "it vouches", within=8)
    node.await_up("prod/srv2")
    assert ask(node.address, PROD, WHO) is False


def test_postgresql_that_starts_can_be_stopped(running: Cluster) -> None:
    """PostgreSQL does not end before a connection that came while it started or stopped. A guard
    connection kept it for 8 s.
    """
    srv1, srv2 = running.nodes
    srv2.kill()
    srv2.postgres.stop()
    srv2.postgres.configure("hot_standby = off")
    srv2.postgres.start()
    eventually(lambda: not srv1.up("stdby/srv2"), "it serves nobody", within=5)
    always(lambda: not srv1.up("stdby/srv2"), "it starts for ever", during=4)
    began = time.monotonic()
    srv2.postgres.stop()
    assert time.monotonic() - began < 2
