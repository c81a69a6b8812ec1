"""A new configuration goes into use under the sessions that are there, or not at all."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from tests.tools import TEMPLATE
from tests.tools.instance import ask, connect, query
from tests.tools.load import Load
from tests.tools.node import PROD, Cluster, Node
from tests.tools.waiting import eventually

CONFIGURED = 6
MINE = """
frontend mine
    mode http
    bind {{ bind }}:8999
    http-request return status 204
"""
INSTALLED = Path("/usr/share/paf-haproxy/templates")


@pytest.mark.parametrize("action", ["reload", "reload-agent"])
def test_sessions_go_on(running: Cluster, action: str) -> None:
    node = running.srv1
    old = node.pid()
    session = connect(node.address, PROD)
    backend = query(session, "SELECT pg_backend_pid()")
    node.params["stats_port"] = "7007"
    node.do(action)
    assert node.pid() != old
    assert query(session, "SELECT pg_backend_pid()") == backend, "it is the same session"
    socket.create_connection((node.address, 7007), timeout=5).close()
    eventually(lambda: node.up("prod/srv1"), "the new one leads to srv1")
    assert ask(node.address, PROD, "SELECT 1") == 1
    assert node.pids() == sorted([old, node.pid()]), "the old one waits for its session"
    session.close()
    eventually(lambda: node.pids() == [node.pid()], "the old process is gone")
    node.mend()


@pytest.mark.parametrize("text", ["global\n bogus keyword\n", "{{ nothing }}", "{% if %}"])
def test_a_broken_template_leaves_all_as_it_was(
    running: Cluster, tmp_path: Path, text: str
) -> None:
    node = running.srv1
    template = tmp_path / "mine.j2"
    template.write_text(text)
    old, configuration = node.pid(), (node.statedir / "haproxy.cfg").read_text()
    session = connect(node.address, PROD)
    good = dict(node.params)
    node.params["template"] = str(template)
    result = node.do("reload")
    assert "template" in result.err or "bogus" in result.err
    assert result.err.endswith("; HAProxy keeps the last valid configuration\n")
    assert (node.statedir / "rejected").read_text().strip() in result.err
    assert node.pids() == [old]
    assert (node.statedir / "haproxy.cfg").read_text() == configuration
    assert query(session, "SELECT 1") == 1 and ask(node.address, PROD, "SELECT 1") == 1
    node.params = good
    node.mend()
    node.do("reload")


def test_haproxys_own_words(running: Cluster, tmp_path: Path) -> None:
    """Who breaks a template is told the line."""
    template = tmp_path / "mine.j2"
    template.write_text(TEMPLATE.read_text().replace("timeout check 5s", "timeout check long"))
    running.srv1.params["template"] = str(template)
    (reason,) = running.srv1.do("validate-all", code=CONFIGURED).reasons
    assert "haproxy.cfg" in reason and "timeout check" in reason


def test_a_template_of_ones_own(cluster: Cluster, tmp_path: Path) -> None:
    template = tmp_path / "mine.j2"
    template.write_text(TEMPLATE.read_text() + MINE)
    for node in cluster.nodes:
        node.params["template"] = str(template)
    cluster.start()
    assert "frontend mine" in (cluster.srv1.statedir / "haproxy.cfg").read_text()
    assert "204" in cluster.srv1.read(8999, b"GET / HTTP/1.0\r\n\r\n")
    assert ask(cluster.srv2.address, PROD, "SELECT 1") == 1
    template.unlink()
    cluster.srv1.mend()
    cluster.srv1.do("stop")


CHANGED = "monitor: the parameters or the cluster's nodes have changed"


def test_a_change_that_only_the_monitor_is_told(running: Cluster) -> None:
    """After a cleanup of the resource Pacemaker sends no reload."""
    node = running.srv1
    old = node.pid()
    session = connect(node.address, PROD)
    node.params["maxconn"] = "1234"
    result = node.mend()
    assert CHANGED in result.err
    assert node.pid() != old
    assert "maxconn 1234" in (node.statedir / "haproxy.cfg").read_text()
    assert query(session, "SELECT 1") == 1
    session.close()
    again = node.pid()
    assert node.mend().err == "" and node.pid() == again, "once"


def test_the_package_is_being_upgraded(running: Cluster) -> None:
    """Half of it is no configuration to reload: the monitor after it looks again."""
    node = running.srv1
    old = node.pid()
    recurring = {"OCF_RESKEY_CRM_meta_interval": "4000"}
    node.params["maxconn"] = "1234"
    try:
        os.utime(INSTALLED)
        result = node.act("monitor", environ=recurring)
        assert (result.code, node.pid()) == (0, old)
        assert result.err == ""
    finally:
        os.utime(INSTALLED, (0, 0))
    assert CHANGED in node.act("monitor", environ=recurring).err
    assert node.pid() != old


def test_a_wrong_value_that_only_the_monitor_is_told(running: Cluster) -> None:
    """What serves goes on; Pacemaker must not restart it for that."""
    node = running.srv1
    old = node.pid()
    node.params["maxconn"] = "many"
    result = node.mend()
    assert result.err.startswith("parameter maxconn: 'many': expected a number")
    assert node.pid() == old
    assert node.mend().err == "", "it is said once"
    node.params["maxconn"] = "2000"
    assert node.mend().err == "" and not (node.statedir / "rejected").exists()


def test_a_node_that_joins_or_leaves_the_cluster(running: Cluster) -> None:
    """Pacemaker tells nobody; the next monitor finds out."""
    node = running.srv1
    listed = node.mock / "nodes"
    node.params["nodes"] = ""
    listed.write_text("127.0.0.2")
    node.mend()
    assert set(node.states()) == {"prod/127.0.0.2", "stdby/127.0.0.2"}
    listed.write_text("127.0.0.2 127.0.0.3")
    assert CHANGED in node.mend().err
    assert {"prod/127.0.0.3", "stdby/127.0.0.3"} < set(node.states())
    listed.write_text("127.0.0.3")
    assert CHANGED in node.mend().err
    assert set(node.states()) == {"prod/127.0.0.3", "stdby/127.0.0.3"}


def test_no_reload_during_a_change_of_primary(running: Cluster) -> None:
    node = running.srv1
    old = node.pid()
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    running.pacemaker("srv1", "S_TRANSITION_ENGINE")
    node.params["maxconn"] = "1234"
    assert CHANGED not in node.mend().err and node.pid() == old
    running.pacemaker("srv1")
    assert "Pacemaker says primary srv1" in node.mend().err, "and then it is settled"
    assert node.pid() != old


def test_the_cluster_does_not_tell_its_nodes(running: Cluster) -> None:
    node = running.srv1
    old = node.pid()
    node.params["nodes"] = ""
    (node.mock / "nodes").unlink(missing_ok=True)
    assert "HAProxy serves on as it is" in node.mend().err
    assert node.pid() == old


def test_a_host_name_that_does_not_resolve_prevents_nothing(cluster: Cluster) -> None:
    node = cluster.srv1
    node.params["nodes"] += " srv3=nowhere.invalid"
    node.do("start")
    node.await_up("prod/srv1")
    assert node.states()["stdby/srv3"] == "ready" and not node.up("stdby/srv3")
    assert node.mend().err == "", "there is nothing to mend"
    pid = node.pid()
    assert node.mend().err == "" and node.pid() == pid
    node.params["maxconn"] = "1234"
    node.do("reload")
    assert node.up("prod/srv1") and node.mend().err == ""


def test_ports_that_change(running: Cluster) -> None:
    """The states that a new worker takes over contain the old ports. They must not be used."""
    for node in running.nodes:
        node.params["role_port"] = "5445"
        node.do("reload")
    for node in running.nodes:
        node.await_up("prod/srv1")
        node.await_up("stdby/srv2")


def test_a_reload_does_not_wait_for_ever(running: Cluster) -> None:
    """Clients wait for a primary, and only the reload can bring it back."""
    node = running.srv2
    node.params["hold_timeout"] = "2s"
    node.do("reload")
    node.haproxy("set server prod/srv1 state maint")
    with Load(node.address):
        node.params["maxconn"] = "1234"
        eventually(lambda: waits(node), "clients wait")
        pid = node.pid()
        node.do("reload")
        assert node.pid() == pid and (node.statedir / "reload-due").exists()
        due = node.statedir / "reload-due"
        eventually(lambda: time.time() - due.stat().st_mtime > 2, "they have waited long enough")
        node.haproxy("set server prod/srv1 state maint")
        node.do("reload")
        assert node.pid() != pid and not due.exists()


def waits(node: Node) -> bool:
    """Returns whether clients are in the queue of prod."""
    rows = (line.split(",") for line in node.haproxy("show stat").splitlines())
    return any(row[:2] == ["prod", "BACKEND"] and int(row[2]) > 0 for row in rows if len(row) > 2)
