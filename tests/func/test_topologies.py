"""What the other topologies are made of: HAProxy takes it, PostgreSQL answers it."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import pytest

from paf_lab.node import NODES
from paf_lab.topology import ALL, Topology, lvs, proxy, sql_check
from paf_lab.topology.proxy import OnPafWithProxy
from tests.tools.node import Cluster

PROXIED = [
    each for each in ALL.values() if each.haproxy and hasattr(each, "sections")
]  # ours makes its own
PG_PORT = 5434


@pytest.mark.parametrize("topology", PROXIED, ids=lambda each: each.name)
def test_haproxy_takes_its_configuration(topology: OnPafWithProxy, tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(proxy.HEAD + "".join(topology.sections()))
    done = subprocess.run(
        ["haproxy", "-c", "-f", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    text = file.read_text()
    for pool in ("prod", "stdby"):
        section = re.search(f"listen {pool}\n(.*?)(?:listen |\\Z)", text, re.DOTALL)
        assert section and section[1].count("    server ") == len(NODES)


def test_there_are_some() -> None:
    assert len(PROXIED) == 9
    assert set(ALL) >= {"vip", "state-socket", "sql-check", "patroni", "multihost", "lvs"}


def test_haproxy_would_say_no(tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(proxy.HEAD + proxy.pool("prod", ("option no-such-check",)))
    assert subprocess.run(["haproxy", "-c", "-q", "-f", str(file)], check=False).returncode


def asked(address: str) -> bytes:
    """Returns all that PostgreSQL answers to what HAProxy would send."""
    lines = [line.split()[-1] for line in sql_check.checks(sql_check.NO) if "send-binary" in line]
    with socket.create_connection((address, PG_PORT), timeout=10) as connection:
        for line in lines:
            connection.sendall(bytes.fromhex(line))
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
        return answer


def test_postgresql_answers_the_binary_check(steady: Cluster) -> None:
    rows = {
        letter: bytes.fromhex(sql_check.checks(letter)[-1].split()[-1])
        for letter in (sql_check.NO, sql_check.YES)
    }
    primary, standby = (asked(node.address) for node in steady.nodes)
    assert rows[sql_check.NO] in primary and rows[sql_check.YES] not in primary
    assert rows[sql_check.YES] in standby and rows[sql_check.NO] not in standby


def test_a_topology_says_whether_it_can_run_here() -> None:
    assert all(each.missing() == "" for each in ALL.values() if each.name != "lvs")
    assert (ALL["lvs"].missing() == "") == lvs.IPVS.exists()


def test_every_topology_tells_of_itself() -> None:
    for each in ALL.values():
        assert isinstance(each, Topology) and each.name and each.summary
        assert set(each.kinds) <= {"connecting", "session", "reader"}
        assert {"connecting", "session"} <= set(each.kinds)
