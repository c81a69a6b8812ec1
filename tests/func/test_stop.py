"""The stop action, on a real HAProxy and PostgreSQL: it ends, whatever is there."""

from __future__ import annotations

import os
import signal
import time

import psycopg2
import pytest

from tests.tools.instance import connect, connect_plain, query
from tests.tools.node import PROD, Cluster, elapsed
from tests.tools.waiting import eventually

NOT_RUNNING = 7


def test_stop_what_does_not_run(cluster: Cluster) -> None:
    cluster.srv1.do("stop")
    cluster.pacemaker(None)
    cluster.srv1.do("stop")


@pytest.mark.parametrize("name", ["hold_timeout", "nodes", "prod_port", "log"])
def test_stop_with_a_parameter_that_has_become_wrong(cluster: Cluster, name: str) -> None:
    """A failed stop fences the node. A stop that returns 0 while HAProxy runs on is as bad."""
    node = cluster.srv1
    node.do("start")
    node.params[name] = "a;b\n'"
    node.do("stop")
    assert node.processes() == []


def test_stop_without_haproxy_and_configuration(cluster: Cluster) -> None:
    node = cluster.srv1
    node.params |= {"haproxy": "/nonexistent/haproxy", "user": "nobody-here"}
    node.do("monitor", code=NOT_RUNNING)
    node.do("stop")
    assert not node.statedir.exists(), "a probe leaves nothing"


def test_stop_ends_a_hung_haproxy(cluster: Cluster) -> None:
    """Stopped, it hears neither USR1 nor TERM."""
    node = cluster.srv1
    node.do("start")
    os.kill(node.pid(), signal.SIGSTOP)
    node.do("stop", timeout=5)
    assert node.pids() == []
    node.do("monitor", code=NOT_RUNNING)


def test_stop_with_open_sessions(running: Cluster) -> None:
    """They may go on for stop_grace, and then it ends."""
    node = running.srv1
    node.params["stop_grace"] = "1s"
    session = connect(node.address, PROD)
    assert query(session, "SELECT 1") == 1
    started = time.monotonic()
    node.do("stop")
    assert elapsed(started) >= 1
    assert node.pids() == []
    with pytest.raises(psycopg2.Error):
        query(session, "SELECT 1")


def test_stop_lets_the_last_session_finish(running: Cluster) -> None:
    node = running.srv1
    node.params["stop_grace"] = "10s"
    session = connect(node.address, PROD)
    os.kill(node.master(), signal.SIGUSR1)
    eventually(lambda: listens_no_more(node.address), "it takes no new connections")
    assert query(session, "SELECT 1") == 1
    session.close()
    eventually(lambda: node.pids() == [], "it ends with its last session")


def listens_no_more(address: str) -> bool:
    try:
        connect_plain(address, PROD).close()
    except ConnectionRefusedError:
        return True
    return False


def test_stop_ends_only_its_own(running: Cluster) -> None:
    running.srv1.do("stop")
    assert len(running.srv2.pids()) == 1
    running.srv2.do("monitor")
