"""Which servers are up, and who is served, at the moment of a reload."""

from __future__ import annotations

import contextlib
import threading
import time

import psycopg2

from tests.tools.instance import ask
from tests.tools.load import Load
from tests.tools.node import STDBY, Cluster


def test_a_candidate_is_not_up_before_it_is_primary(running: Cluster) -> None:
    """A new worker has not asked it yet. PostgreSQL's port answers, and its role does not fit."""
    node = running.srv1
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    done = threading.Event()
    seen: list[bool] = []

    def watch() -> None:
        while not done.is_set():
            with contextlib.suppress(OSError, IndexError):
                seen.append(node.up("prod/srv2"))
            time.sleep(0.002)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    before = node.pid()
    for number in range(3):
        node.params["maxconn"] = str(1000 + number)
        node.do("reload")
        time.sleep(0.3)  # several checks of the new worker
    done.set()
    watcher.join()
    assert node.pid() != before
    assert len(seen) > 100 and not any(seen)
    assert node.states()["prod/srv1"] == "drain" and node.states()["prod/srv2"] == "ready"


def test_new_connections_are_not_refused(running: Cluster) -> None:
    """They may wait for a moment, until the new process knows who is primary."""
    node = running.srv2
    with Load(node.address) as load:
        for number in range(3):
            node.params["maxconn"] = str(1000 + number)
            node.do("reload")
            node.await_up("prod/srv1")
    assert load.failed == []
    assert load.served_by() == ["srv1"]


def test_readers_are_not_refused(running: Cluster) -> None:
    """There is no hold for stdby: the new process knows at once who is up."""
    node = running.srv1
    node.await_up("stdby/srv2")
    done = threading.Event()
    failed: list[str] = []
    asked = 0

    def read() -> None:
        nonlocal asked
        while not done.is_set():
            asked += 1
            try:
                ask(node.address, STDBY, "SELECT 1")
            except psycopg2.Error as error:
                failed.append(str(error))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    for number in range(3):
        node.params["maxconn"] = str(1000 + number)
        before = node.servers()
        node.do("reload")
        assert node.servers() == before, "at once"
    done.set()
    reader.join()
    assert failed == [] and asked > 20
    assert (node.statedir / "servers.state").read_text() == "1\n", "no server's state in it"


def test_a_start_takes_no_states_of_old(running: Cluster) -> None:
    """A file that a reload may have left must not bring a server up."""
    node = running.srv2
    stale = node.haproxy("show servers state")
    node.do("stop")
    (node.statedir / "servers.state").write_text(stale)
    running.pacemaker("")
    node.do("start")
    assert node.states()["prod/srv1"] == "maint" and not node.up("prod/srv1")


def test_the_states_are_those_of_before(running: Cluster) -> None:
    """A reload loses what HAProxy was told at run time; the agent tells it again."""
    node = running.srv2
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    before = node.states()
    assert before["prod/srv1"] == "drain"
    node.do("reload")
    assert node.states() == before
    assert node.role()["event"] == "pre-demote"


def test_a_promoted_instance_stays_promoted(running: Cluster) -> None:
    node = running.srv1
    node.do("promote")
    node.do("reload")
    node.mend(code=8)
