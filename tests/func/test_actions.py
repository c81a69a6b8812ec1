"""Each action, on a real HAProxy and PostgreSQL: exit codes, idempotence, what it leaves."""

from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from tests.tools.instance import connect_plain
from tests.tools.node import PROD, STATS, Cluster

GENERIC, CONFIGURED, INSTALLED, NOT_RUNNING, PROMOTED = 1, 6, 5, 7, 8


def test_a_life(cluster: Cluster) -> None:
    """Every action, once and once more."""
    node = cluster.srv1
    node.do("monitor", code=NOT_RUNNING)
    node.do("demote", code=NOT_RUNNING)
    for _ in range(2):
        node.do("start")
        node.do("monitor")
    pid = node.pid()
    for _ in range(2):
        node.do("promote")
        node.do("monitor", code=PROMOTED)
    for _ in range(2):
        node.do("demote")
        node.do("monitor")
    assert node.pids() == [pid], "one process, the same all the time"
    for _ in range(2):
        node.do("stop")
        assert node.pids() == []
        node.do("monitor", code=NOT_RUNNING)


def test_a_start_after_a_stop_forgets_the_promotion(cluster: Cluster) -> None:
    node = cluster.srv1
    node.do("start")
    node.do("promote")
    node.do("stop")
    node.do("start")
    node.do("monitor")
    assert node.role()["instance"] == "unpromoted"


def test_start_returns_when_it_serves(cluster: Cluster) -> None:
    node = cluster.srv1
    node.do("start")
    for port in (5431, 5432, 5433, 5435, STATS):
        connect_plain(node.address, port).close()
    assert node.state("prod/srv1") == "ready"
    assert node.state("prod/srv2") == "maint"
    assert (node.state("stdby/srv1"), node.state("stdby/srv2")) == ("maint", "ready")
    assert node.role()["primary"] == "srv1"


def test_start_leaves_the_process_group(cluster: Cluster) -> None:
    """When an action takes too long, Pacemaker kills its whole group."""
    node = cluster.srv1
    node.do("start")
    pid = node.pid()
    assert os.getpgid(pid) == pid or os.getpgid(pid) != os.getpgid(0)
    assert os.getsid(pid) != os.getsid(0)


def test_start_sets_a_promotion_score_and_stop_takes_it_away(cluster: Cluster) -> None:
    node = cluster.srv1
    node.do("start")
    scope = "--promotion=haproxy --node srv1 --lifetime reboot"
    assert cluster.attributes() == [f"{scope} --update 1"]
    node.do("stop")
    assert cluster.attributes()[-1] == f"{scope} --delete"


def test_start_without_a_cluster_knows_no_primary(cluster: Cluster) -> None:
    cluster.pacemaker(None)
    node = cluster.srv1
    result = node.do("start")
    assert "Pacemaker does not tell" in result.err
    assert node.role()["primary"] == ""
    assert {node.state("prod/srv1"), node.state("prod/srv2")} == {"maint"}
    node.do("monitor")


def test_start_with_the_nodes_of_the_cluster(cluster: Cluster) -> None:
    """Without the parameter, the backends are the nodes that Pacemaker knows."""
    node = cluster.srv1
    (cluster.mock / "nodes").write_text("localhost 127.0.0.1")
    node.params["nodes"] = ""
    node.do("start")
    servers = {name for name in node.servers() if name.startswith("prod/")}
    assert servers == {"prod/localhost", "prod/127.0.0.1"}


def test_start_again_learns_who_is_primary(cluster: Cluster) -> None:
    """Pacemaker restarts, HAProxy goes on: what it leads to may be old."""
    node = cluster.srv2
    node.do("start")
    pid = node.pid()
    cluster.pacemaker("srv2")
    node.do("start")
    assert node.pid() == pid
    assert node.state("prod/srv1") == "maint" and node.state("prod/srv2") == "ready"


def test_start_of_what_is_promoted(cluster: Cluster) -> None:
    """Somebody debugs with crm_resource --force-start: Pacemaker's next monitor must not object."""
    node = cluster.srv1
    node.do("start")
    node.do("promote")
    node.do("start")
    node.do("monitor", code=8)
    node.do("demote")
    node.do("start")
    node.do("monitor")


def test_start_kills_a_hung_old_one(cluster: Cluster) -> None:
    node = cluster.srv1
    node.do("start")
    old = node.pid()
    os.kill(old, signal.SIGSTOP)
    node.do("start", timeout=12)
    assert node.pids() == [node.pid()] != [old]
    node.do("monitor")


def test_start_after_a_kill(cluster: Cluster) -> None:
    node = cluster.srv1
    node.do("start")
    node.kill()
    node.do("monitor", code=NOT_RUNNING)
    node.do("start")
    node.do("monitor")


def test_start_cannot_bind(cluster: Cluster) -> None:
    """Somebody else has the port: one clear reason, and nothing half of it is left."""
    node = cluster.srv1
    with socket.create_server((node.address, PROD)):
        (reason,) = node.do("start", code=1).reasons
        assert reason == (
            f"parameter prod_port: {PROD}: another program listens there; to find it:"
            f" ss -ltnp sport = :{PROD}"
        )
        assert node.processes() == []
    node.do("start")


def test_start_without_haproxy(cluster: Cluster) -> None:
    node = cluster.srv1
    node.params["haproxy"] = "/nonexistent/haproxy"
    assert node.do("start", code=GENERIC).reasons == [
        "parameter haproxy: there is no program /nonexistent/haproxy"
    ]
    node.do("validate-all", code=INSTALLED)


@pytest.mark.parametrize("name", ["user"])
def test_start_without_the_user(cluster: Cluster, name: str) -> None:
    node = cluster.srv1
    node.params[name] = "nobody-here"
    assert node.do("start", code=GENERIC).reasons == [f"parameter {name}: no user nobody-here"]
    node.do("validate-all", code=CONFIGURED)


def test_start_without_the_group(cluster: Cluster) -> None:
    node = cluster.srv1
    node.params["group"] = "nobody-here"
    (reason,) = node.do("start", code=GENERIC).reasons
    assert "nobody-here" in reason


def test_start_where_others_can_write(cluster: Cluster, directory: Path) -> None:
    """root trusts what is in the state directory; nobody else may put it there."""
    node = cluster.srv1
    node.statedir.mkdir()
    node.statedir.chmod(0o777)
    (reason,) = node.do("start", code=GENERIC).reasons
    assert reason.startswith("parameter statedir:")
    node.statedir.chmod(0o755)
    os.chown(node.statedir, 65534, 0)
    node.do("start", code=GENERIC)
    assert node.pids() == []


def test_what_start_leaves(cluster: Cluster) -> None:
    node = cluster.srv1
    old = os.umask(0o077)
    try:
        node.do("start")
    finally:
        os.umask(old)
    status = node.statedir.stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o755)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in node.statedir.iterdir()}
    (lua,) = (name for name in modes if name.startswith("lua-"))
    assert modes.pop(lua) & 0o022 == 0, "HAProxy reads its program there"
    assert modes.pop("haproxy.pid") & 0o022 == 0
    assert modes.pop("parameters") & 0o022 == 0
    assert modes.pop("role") == 0o644
    assert modes.pop("haproxy.cfg") == 0o600, "it may name a password"
    assert modes.pop("haproxy.source") & 0o022 == 0
    assert modes.pop("servers.state") & 0o022 == 0
    assert modes.pop("admin.sock") == 0o600, "the runtime socket is root's"
    assert modes.pop("show.sock") == 0o660, "HAProxy's group may look"
    assert modes.pop("memory") == 0o700, "HAProxy's own"
    assert all(name.endswith(".sock") and mode == 0o600 for name, mode in modes.items()), modes


def test_monitor_and_demote_with_a_parameter_that_has_become_wrong(cluster: Cluster) -> None:
    """HAProxy is no less there for it."""
    node = cluster.srv1
    node.do("start")
    node.do("promote")
    node.params["prod_port"] = "none"
    node.do("monitor", code=PROMOTED)
    node.do("demote")
    node.do("monitor")


def test_reload_what_does_not_run(cluster: Cluster) -> None:
    cluster.srv1.do("reload", code=1)
    assert cluster.srv1.pids() == []


def test_an_unknown_action(cluster: Cluster) -> None:
    (reason,) = cluster.srv1.do("migrate_to", code=3).reasons
    assert reason.startswith("unknown action migrate_to")
