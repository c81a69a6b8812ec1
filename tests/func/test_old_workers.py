"""The agent also closes sessions in workers that finish after a reload."""

from __future__ import annotations

import psycopg2
import pytest

from tests.tools.instance import connect, query
from tests.tools.node import PROD, STDBY, Cluster
from tests.tools.waiting import eventually


def ends(session: object) -> bool:
    """Returns whether the session has been closed."""
    try:
        query(session, "SELECT 1")
    except psycopg2.Error:
        return True
    return False


def test_a_reader_does_not_become_a_writer(running: Cluster) -> None:
    """It reads from a standby, HAProxy is reloaded, and the standby is promoted."""
    node = running.srv1
    node.await_up("stdby/srv2")
    reader, writer = connect(node.address, STDBY), connect(node.address, PROD)
    for number in range(2):
        node.params["maxconn"] = str(1000 + number)
        node.do("reload")
    assert query(reader, "SELECT pg_is_in_recovery()") is True
    node.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    assert not ends(reader) and not ends(writer), "open sessions go on until the promotion"
    node.notify("post-promote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    assert ends(reader), "srv2 leaves stdby"
    assert ends(writer), "srv1 leaves prod"
    eventually(lambda: node.pids() == [node.pid()], "the old workers are gone")


def test_the_monitor_closes_what_a_lost_notification_left(running: Cluster) -> None:
    node = running.srv1
    node.await_up("stdby/srv2")
    reader = connect(node.address, STDBY)
    node.do("reload")
    (node.statedir / "role").write_text(
        (node.statedir / "role").read_text().replace("primary=srv1", "primary=srv2")
    )
    running.pacemaker("srv2")
    node.mend()
    assert ends(reader), "srv2 leaves stdby"


def test_sessions_that_may_go_on_do(running: Cluster) -> None:
    """A reader of a standby that stays one."""
    node = running.srv2
    node.params["nodes"] += " srv3=127.0.0.9"
    node.await_up("stdby/srv2")
    reader = connect(node.address, STDBY)
    node.do("reload")
    node.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv3"])
    node.notify("post-promote", promoted=["srv1"], demote=["srv1"], promote=["srv3"])
    assert query(reader, "SELECT 1") == 1


def test_the_number_of_old_workers_is_limited(running: Cluster) -> None:
    node = running.srv1
    node.params["old_workers"] = "2"
    node.do("reload")
    sessions = []
    for number in range(5):
        sessions.append(connect(node.address, PROD))
        node.params["maxconn"] = str(1000 + number)
        node.do("reload")
        node.await_up("prod/srv1")
    eventually(lambda: len(node.pids()) <= 3, "the oldest are gone")
    assert ends(sessions[0]) and not ends(sessions[-1])


@pytest.mark.parametrize("age", ["1s"])
def test_the_age_of_old_workers_is_limited(running: Cluster, age: str) -> None:
    node = running.srv1
    node.params["old_worker_age"] = age
    node.do("reload")
    node.await_up("prod/srv1")
    session = connect(node.address, PROD)
    node.do("reload")
    eventually(lambda: node.pids() == [node.pid()], "the old worker is gone", 10)
    assert ends(session)
