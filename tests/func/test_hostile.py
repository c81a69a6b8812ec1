"""Parameters that would do harm if they got anywhere, through the real agent."""

from __future__ import annotations

from pathlib import Path

import pytest
from paf_haproxy.params import PARAMETERS

from tests.tools.node import Cluster

GENERIC, CONFIGURED, NOT_RUNNING = 1, 6, 7
HOSTILE = "x\n    server evil 10.0.0.1:5432\n"
NAMES = [parameter.name for parameter in PARAMETERS]


@pytest.mark.parametrize("name", NAMES)
def test_a_newline(cluster: Cluster, name: str) -> None:
    """Refused by name, in one line, before anything is written or asked."""
    node = cluster.srv1
    node.params[name] = HOSTILE
    (reason,) = node.do("validate-all", code=CONFIGURED).reasons
    assert reason.startswith(f"parameter {name}: ")
    assert not node.statedir.exists()
    assert cluster.attributes() == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log", "10.0.0.1; show info"),
        ("haproxy", "/usr/sbin/haproxy $(touch /tmp/pwned)"),
        ("template", "/etc/passwd; id"),
        ("nodes", "srv1='; DROP TABLE t; --"),
        ("pguser", "haproxy' OR '1'='1"),
        ("pghost", "/run/postgresql`id`"),
        ("user", "haproxy\x1b[2J"),
        ("bind", "0.0.0.0:1 ssl crt /etc/shadow"),
        ("statedir", "/run/../etc"),
        ("prod_port", "5432,6432"),
        ("stdby_port", "5432"),
        ("session_timeout", "99999999999999999999d"),
        ("maxconn", "٣٢"),
        ("nodes", "a" * 100_000),
    ],
)
def test_others(cluster: Cluster, name: str, text: str) -> None:
    """A start leaves nothing, and the resource can be probed and stopped all the same."""
    node = cluster.srv1
    good = dict(node.params)
    node.params[name] = text
    (reason,) = node.do("start", code=GENERIC).reasons
    assert f"parameter {name}" in reason
    assert reason.isprintable() and len(reason) <= 400
    node.do("monitor", code=NOT_RUNNING)
    node.do("stop")
    assert not Path("/tmp/pwned").exists()
    node.params = good
    assert node.pids() == []
    if name != "nodes" or not text.startswith("a"):
        assert not node.statedir.exists()


def test_an_unknown_host(cluster: Cluster) -> None:
    node = cluster.srv1
    node.params["nodes"] = "srv1=127.0.0.1 srv2=no..host"
    assert node.do("start", code=GENERIC).reasons == [
        "parameter nodes: 'no..host' is not a host name"
    ]


def test_a_state_directory_that_no_socket_fits_into(cluster: Cluster) -> None:
    node = cluster.srv1
    node.params["statedir"] = str(node.statedir) + "/" + "x" * 120
    result = node.act("start")
    assert result.code != 0 and len(result.reasons) == 1
    assert "None" not in result.reasons[0]
    node.do("stop")


def test_node_names_that_look_alike(cluster: Cluster) -> None:
    """srv1 is no pattern, and no beginning: srv10 is somebody else."""
    first, second = (node.address for node in cluster.nodes)
    node = cluster.srv1
    node.params["nodes"] = f"srv1={first} srv10={second} srv1.0={second}"
    node.do("start")
    states = {name: state for name, (state, _) in node.servers().items() if name.startswith("prod")}
    assert states == {"prod/srv1": "ready", "prod/srv10": "maint", "prod/srv1.0": "maint"}


def test_a_node_that_is_called_like_a_word_of_ours(cluster: Cluster) -> None:
    """Some names are taken in the configuration. They are refused, or they work."""
    first, second = (node.address for node in cluster.nodes)
    for name in ("hold", "prod", "lobby", "default-server", "backup", "server"):
        node = cluster.srv1
        node.params["nodes"] = f"srv1={first} {name}={second}"
        result = node.act("start")
        if result.code:
            (reason,) = result.reasons
            assert reason.startswith("parameter nodes: "), reason
        else:
            assert node.state(f"stdby/{name}") == "ready"
        node.do("stop")
