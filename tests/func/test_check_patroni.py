"""check_patroni, the monitoring plugin for Patroni, asks port 8008."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.func.test_rest import both_known
from tests.tools.node import REST, Cluster, Node
from tests.tools.waiting import eventually

OK, WARNING, CRITICAL, UNKNOWN = range(4)
PROGRAM = Path(sys.executable).with_name("check_patroni")


@pytest.fixture
def told(steady: Cluster) -> Cluster:
    for node in steady.nodes:
        eventually(lambda node=node: both_known(node), f"{node.name} knows both", 15)  # type: ignore[misc]
    return steady


def check(nodes: list[Node], *words: str) -> tuple[int, str]:
    addresses = ",".join(f"http://{node.address}:{REST}" for node in nodes)
    done = subprocess.run(
        [str(PROGRAM), "-e", addresses, *words], capture_output=True, text=True, timeout=30
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["cluster_has_leader"], OK),
        (["cluster_has_replica", "--warning", "1:", "--critical", "1:"], OK),
        (["cluster_has_replica", "--critical", "2:"], CRITICAL),
        (["cluster_has_replica", "--critical", "1:", "--max-lag", "1GB"], OK),
        (["cluster_has_replica", "--sync-critical", "1:"], CRITICAL),
        (["cluster_node_count", "--critical", "2:"], OK),
        (["cluster_node_count", "--healthy-critical", "2:"], OK),
        (["cluster_node_count", "--critical", "3:"], CRITICAL),
        (["cluster_has_scheduled_action"], OK),
        (["cluster_is_in_maintenance"], OK),
    ],
)
def test_the_cluster(told: Cluster, words: list[str], wanted: int) -> None:
    code, said = check(list(told.nodes), *words)
    assert code == wanted, said


@pytest.mark.parametrize(
    ("words", "primary", "standby"),
    [
        (["node_is_alive"], OK, OK),
        (["node_is_leader"], OK, CRITICAL),
        (["node_is_primary"], OK, CRITICAL),
        (["node_is_replica"], CRITICAL, OK),
        (["node_is_replica", "--max-lag", "1GB"], CRITICAL, OK),
        (["node_is_replica", "--is-async"], CRITICAL, OK),
        (["node_is_replica", "--is-sync"], CRITICAL, CRITICAL),
        (["node_is_pending_restart"], OK, OK),
        (["node_patroni_version", "--patroni-version", "4.1.5"], OK, OK),
        (["node_tl_has_changed", "--timeline", "1"], OK, OK),
        (["node_tl_has_changed", "--timeline", "7"], CRITICAL, CRITICAL),
    ],
)
def test_a_node(told: Cluster, words: list[str], primary: int, standby: int) -> None:
    for node, wanted in ((told.srv1, primary), (told.srv2, standby)):
        code, said = check([node], *words)
        assert code == wanted, said
