"""What a node tells of itself besides its role: metrics, views, and to whom."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from typing import Any

import psycopg2
import pytest

from tests.tools.http import page
from tests.tools.instance import ask, connect
from tests.tools.node import PROD, ROLE, STDBY, Cluster, Node
from tests.tools.waiting import always, eventually


def samples(node: Node) -> dict[str, float]:
    """Returns our metrics by name and labels, without the prefix."""
    status, text = page(node, "/metrics/paf")
    assert status == 200
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {
        name.removeprefix("paf_haproxy_"): float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines)
    }


def test_metrics_of_a_cluster_that_is_well(steady: Cluster) -> None:
    for node, role in ((steady.srv1, "production"), (steady.srv2, "standby")):
        found = samples(node)
        roles = {name: value for name, value in found.items() if name.startswith("role{")}
        assert roles == {
            f'role{{role="{each}"}}': float(each == role)
            for each in ("production", "standby", "down", "unknown")
        }
        assert found["held_connections"] == found["lagging"] == 0
        eventually(lambda node=node: samples(node).get("timeline") == 1, "timeline", 10)  # type: ignore[misc]
        eventually(lambda node=node: 'lag_bytes{standby="srv2"}' in samples(node), "lag", 10)  # type: ignore[misc]
    assert page(steady.srv1, "/metrics")[1].startswith("# HELP haproxy_"), "HAProxy's own beside it"


def test_metrics_of_a_switchover(fresh: object, running: Cluster) -> None:
    node = running.srv2
    assert samples(node)["transitions_total"] == 0
    always(lambda: node.up("prod/srv1"), "the primary has been seen", during=0.6)
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    assert samples(node)["notifications_total"] == 1
    running.srv1.postgres.stop()
    running.notify("pre-promote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    waiting = socket.create_connection((node.address, PROD), timeout=5)
    eventually(lambda: samples(node)["held_connections"] > 0, "it waits")
    waiting.close()
    running.srv2.postgres.promote()
    node.await_up("prod/srv2")
    eventually(lambda: samples(node)["transitions_total"] == 1, "it is over")
    found = samples(node)
    assert 0 < found["transition_seconds"] < 60
    assert found["notifications_total"] == 1, "the pre-promote was no news"
    running.notify("post-promote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    assert samples(node)["notifications_total"] == 2
    assert found['role{role="production"}'] == 1
    assert found["drift_repaired_total"] == 0
    node.haproxy("set server stdby/srv1 state maint")
    running.pacemaker("srv2")
    node.mend()
    assert samples(node)["drift_repaired_total"] == 1


def view(node: Node) -> Any:
    return json.loads(node.read(ROLE, b"view\n"))


def test_the_view(steady: Cluster) -> None:
    for node in steady.nodes:
        node.await_up("stdby/srv2")
    one, two = (view(node) for node in steady.nodes)
    assert (one["node"], one["role"], two["node"], two["role"]) == (
        *("srv1", "production"),
        *("srv2", "standby"),
    )
    found = {f"{s['pool']}/{s['node']}": s["status"].split()[0] for s in one["servers"]}
    assert found == {
        "prod/srv1": "UP",
        "prod/srv2": "MAINT",
        "stdby/srv1": "MAINT",
        "stdby/srv2": "UP",
    }
    eventually(lambda: view(steady.srv1)["sync"] == "srv2=async", "who streams", 10)
    eventually(lambda: view(steady.srv2).get("lag") == 0, "lag", 10)


@pytest.mark.parametrize(
    "text",
    [
        "parameter hold_timeout: 'bogus': expected a time from 0ms to 600000ms, such as 30s",
        'a "quote", a \\ and a tab\t, é',
    ],
)
def test_a_rejected_configuration_is_told(steady: Cluster, text: str) -> None:
    node = steady.srv1
    file = node.statedir / "rejected"
    assert samples(node)["configuration_rejected"] == 0 and "rejected" not in view(node)
    file.write_text(text + "\n")
    try:
        assert view(node)["rejected"] == text
        assert samples(node)["configuration_rejected"] == 1
        file.write_bytes(b"no \xff UTF-8\n")
        assert view(node)["rejected"] == "no ? UTF-8"
    finally:
        file.unlink()
    assert samples(node)["configuration_rejected"] == 0


def test_a_role_that_is_unknown_is_told(fresh: object, running: Cluster) -> None:
    node = running.srv1
    assert samples(node)['role_unknown{reason=""}'] == 0
    node.postgres.sql("ALTER ROLE haproxy NOLOGIN")
    node.postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'haproxy'"
    )
    eventually(lambda: samples(node).get('role_unknown{reason="28000"}') == 1, "it is told")
    assert samples(node)['role{role="production"}'] == 1, "the last confirmed one"


def test_drained_by_a_person(running: Cluster) -> None:
    """Across monitors, notifications, reloads and restarts, until it is undrained."""
    node = running.srv1
    node.await_up("stdby/srv2")
    reader = connect(node.address, STDBY)
    (running.mock / "drained").write_text("srv2\n")
    (running.mock / "nodes").write_text("srv1 srv2\n")
    result = node.mend()
    assert node.state("stdby/srv2") == "drain"
    assert result.err == "", "no drift"
    with reader.cursor() as cursor:
        cursor.execute("SELECT 1")
    with pytest.raises(psycopg2.OperationalError):
        ask(node.address, STDBY, "SELECT 1")
    assert node.role()["drained"] == "srv2"
    node.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    node.notify("post-promote", promoted=["srv1"], demote=["srv1"], promote=["srv1"])
    assert node.state("stdby/srv2") == "drain"
    node.do("reload")
    assert node.state("stdby/srv2") == "drain"
    assert node.mend().err == ""
    node.haproxy("set server stdby/srv2 state ready")
    assert "stdby/srv2 drain" in node.mend().err, "by hand is not by the command"
    node.do("stop")
    node.do("start")
    assert node.state("stdby/srv2") == "drain"
    (running.mock / "drained").unlink()
    assert node.mend().err == ""
    node.await_up("stdby/srv2")
    assert ask(node.address, STDBY, "SELECT 1") == 1
    reader.close()


def test_without_a_cluster_drained_is_as_it_was(running: Cluster) -> None:
    node = running.srv1
    (running.mock / "drained").write_text("srv2\n")
    (running.mock / "nodes").write_text("srv1 srv2\n")
    node.mend()
    (running.mock / "nodes").unlink()
    node.mend()
    assert node.state("stdby/srv2") == "drain"


def test_the_command_runs_as_installed(installed: None) -> None:
    done = subprocess.run(
        ["/usr/sbin/paf-haproxy", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.strip()
    assert os.access("/usr/share/paf-haproxy/paf_haproxy/cli/main.py", os.R_OK)
