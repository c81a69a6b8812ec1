"""The monitor action finds a HAProxy that is dead or hangs, and starts it again."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

import pytest

from tests.tools.instance import ask, connect, query, stopped
from tests.tools.node import PROD, Cluster, elapsed
from tests.tools.waiting import eventually

NOT_RUNNING, PROMOTED = 7, 8

NOT_RUNNING, PROMOTED = 7, 8
RECURRING = {"OCF_RESKEY_CRM_meta_interval": "4000"}
AS_PROMOTED = {**RECURRING, "OCF_RESKEY_CRM_meta_role": "Promoted"}


def test_killed(cluster: Cluster) -> None:
    cluster.srv1.do("start")
    cluster.srv1.kill()
    result = cluster.srv1.do("monitor", code=NOT_RUNNING)
    assert result.err == ""


def test_hung(cluster: Cluster) -> None:
    """Within its timeout it says that HAProxy hangs, and does not wait for Pacemaker to give up."""
    node = cluster.srv1
    node.do("start")
    with stopped([node.pid()]):
        started = time.monotonic()
        (reason,) = node.do("monitor", code=1).reasons
        assert elapsed(started) < 10
        assert "does not answer" in reason and "it hangs" in reason
    node.do("monitor")


@pytest.mark.parametrize("what", ["killed", "hung"])
def test_a_recurring_monitor_starts_it_again(running: Cluster, what: str) -> None:
    """Soon, with the servers as they were."""
    node = running.srv1
    node.do("promote")
    (pid,) = node.pids()
    os.kill(pid, signal.SIGKILL if what == "killed" else signal.SIGSTOP)
    if what == "killed":
        eventually(lambda: not node.pids(), "it is gone")
    result = node.act("monitor", environ=AS_PROMOTED)
    assert result.code == PROMOTED and result.reasons == [], "Pacemaker need do nothing"
    assert "started again: primary srv1" in result.err
    assert node.role()["repaired"] == "1"
    assert pid not in node.pids() and len(node.pids()) == 1
    assert node.states()["prod/srv1"] == "ready" and node.states()["stdby/srv2"] == "ready"
    node.await_up("prod/srv1")
    assert ask(node.address, PROD, "SELECT 1") == 1
    assert node.act("monitor", environ=AS_PROMOTED).code == PROMOTED
    node.do("demote")
    node.kill()
    assert node.act("monitor", environ=RECURRING).code == 0


def test_a_slow_answer_costs_no_session(running: Cluster) -> None:
    """HAProxy and the agent stand still for some seconds, as in a virtual machine that is paused:
    the first time to answer passes, and HAProxy answers the second question.
    """
    node = running.srv1
    session, pid = connect(node.address, PROD), node.pid()
    os.kill(pid, signal.SIGSTOP)
    waker = threading.Timer(5.0, os.kill, (pid, signal.SIGCONT))  # 1 s, 3 s, and 2 s of patience
    waker.start()
    try:
        assert node.mend().code == 0
    finally:
        waker.join()
    assert node.pid() == pid and query(session, "SELECT 1") == 1


def test_a_persons_monitor_changes_nothing(running: Cluster) -> None:
    """crm_resource --force-check runs beside the cluster's own actions."""
    node = running.srv2
    node.haproxy("disable server prod/srv1")
    before = {path: path.stat().st_mtime_ns for path in node.statedir.iterdir()}
    result = node.do("monitor")
    assert "the next monitor action will set: prod/srv1 ready" in result.out
    assert node.state("prod/srv1") == "maint"
    node.params["maxconn"] = "1234"
    node.do("monitor")
    node.do("validate-all")
    after = {path: path.stat().st_mtime_ns for path in node.statedir.iterdir()}
    assert after == before
    node.mend()


def test_a_recurring_monitor_starts_nothing_that_was_stopped(cluster: Cluster) -> None:
    node = cluster.srv1
    assert node.act("monitor", environ=RECURRING).code == NOT_RUNNING
    node.do("start")
    node.do("stop")
    assert node.act("monitor", environ=RECURRING).code == NOT_RUNNING
    assert node.pids() == []


def test_a_broken_configuration_is_made_again(cluster: Cluster) -> None:
    """HAProxy dies, and its configuration is damaged."""
    node = cluster.srv1
    node.do("start")
    node.kill()
    (node.statedir / "haproxy.cfg").write_text("nonsense\n")
    result = node.mend()
    assert "started again: primary srv1" in result.err and result.reasons == []
    assert len(node.pids()) == 1


def test_what_cannot_be_started_again_is_for_pacemaker_to_recover(cluster: Cluster) -> None:
    node = cluster.srv1
    node.do("start")
    node.kill()
    with socket.create_server((node.address, PROD)):
        (reason,) = node.mend(code=1).reasons
        assert reason.startswith(f"parameter prod_port: {PROD}: another program listens there")
    node.do("stop")
    node.do("start")


def test_its_socket_is_gone(cluster: Cluster) -> None:
    """The process is there, but nobody can reach it: neither stopped nor running."""
    node = cluster.srv1
    node.do("start")
    (node.statedir / "admin.sock").unlink()
    (reason,) = node.do("monitor", code=1).reasons
    assert "but its process is there" in reason
    node.do("stop")
    assert node.pids() == []
