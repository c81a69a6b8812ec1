"""Clients and commands that a DBA would use, none of them made here, against the real cluster."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from paf_lab.cluster import promoted
from paf_lab.layout import ADDRESSES, PGBIN
from paf_lab.scripts import secret
from tests.tools.waiting import eventually

from .conftest import LAB, lab

pytestmark = pytest.mark.lab

NODES = ("srv1", "srv2", "srv3")
# As in Patroni's documentation, "HAProxy"; the names are those of the lab.
PROXY = """global
    maxconn 100
defaults
    mode tcp
    retries 2
    timeout client 30m
    timeout connect 4s
    timeout server 30m
    timeout check 5s
listen primary
    bind *:5000
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
{servers}
listen replicas
    bind *:5001
    option httpchk OPTIONS /replica
    http-check expect status 200
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
{servers}
"""


def run(node: str, *words: str, check: bool = True, timeout: float = 120) -> str:
    return lab("exec", node, "--", *words, check=check, timeout=timeout)


def psql(node: str, target: str, text: str, check: bool = True) -> str:
    password = f"PGPASSWORD={secret('app')}"
    words = ("env", password, "psql", "-XAtw", f"{target} user=app dbname=app", "-c", text)
    return run(node, *words, check=check).strip()


def primary() -> str:
    name = promoted()
    assert name
    return name


@pytest.fixture
def patroni_proxy() -> Iterator[None]:
    """A HAProxy that was made for Patroni, on a machine that is no node of the cluster."""
    lines = (
        f"    server {name} {ADDRESSES[name]}:5434 maxconn 100 check port 8008" for name in NODES
    )
    text = PROXY.format(servers="\n".join(lines))
    done = subprocess.run(
        [LAB, "exec", "log-sink", "--", "sh", "-c", "cat >/run/proxy.cfg"], input=text, text=True
    )
    assert done.returncode == 0
    run("log-sink", "haproxy", "-D", "-f", "/run/proxy.cfg", "-p", "/run/proxy.pid")
    yield
    run("log-sink", "sh", "-c", "kill $(cat /run/proxy.pid)")


def test_haproxy_as_in_patronis_documentation(patroni_proxy: None) -> None:
    def recovering(port: int) -> str:
        return psql("log-sink", f"host=127.0.0.1 port={port}", "SELECT pg_is_in_recovery()", False)

    eventually(lambda: recovering(5000) == "f", "5000 leads to the primary", 30)
    eventually(lambda: recovering(5001) == "t", "5001 leads to a standby", 30)


def test_curl_and_ncat() -> None:
    leads = primary()
    for name in NODES:
        for path, expected in (
            ("/primary", 200 if name == leads else 503),
            ("/replica", 503 if name == leads else 200),
            ("/quorum", 503 if name == leads else 200),  # ANY 1 (*)
            ("/read-only", 200),
            ("/health", 200),
        ):
            url = f"http://{name}:8008{path}"
            words = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url)
            assert run("log-sink", *words) == str(expected), url
        text = run("log-sink", "ncat", "--recv-only", name, "5431")
        assert text == ("production\n" if name == leads else "standby\n")
    members = json.loads(run("log-sink", "curl", "-s", f"http://{leads}:8008/cluster"))["members"]
    assert {m["name"]: m["role"] for m in members} == {
        name: "leader" if name == leads else "quorum_standby" for name in NODES
    }
    assert {m["state"] for m in members if m["name"] != leads} == {"streaming"}


def test_libpq_finds_the_primary_past_haproxy() -> None:
    target = f"host={','.join(NODES)} port=5434 target_session_attrs=read-write"
    found = psql("log-sink", target, "SELECT host(inet_server_addr())")
    assert found == ADDRESSES[primary()]


def pgbench(node: str, *words: str, check: bool = True) -> str:
    program = f"{PGBIN}/pgbench"
    environ = ("env", f"PGPASSWORD={secret('app')}", "PGHOST=127.0.0.1", "PGUSER=app")
    return run(node, *environ, program, *words, "app", check=check, timeout=300)


def test_pgbench_through_a_switchover() -> None:
    """A connection for each transaction: none is refused, nothing committed is lost."""
    pgbench("srv1", "-i", "-q", "-s", "10")
    leads = primary()
    target = next(name for name in NODES if name != leads)
    words = ["-C", "-c", "4", "-T", "25", "--max-tries=5"]
    with subprocess.Popen(
        [
            *(LAB, "exec", "srv1", "--", "env", f"PGPASSWORD={secret('app')}", "PGHOST=127.0.0.1"),
            *("PGUSER=app", f"{PGBIN}/pgbench", *words, "app"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as bench:
        time.sleep(6)
        run("srv1", "pcs", "resource", "move", "pgsqld-clone", target, "--promoted", check=False)
        out, _ = bench.communicate(timeout=120)
    eventually(lambda: primary() == target, "the primary has moved", 60)
    run("srv1", "crm_resource", "--clear", "--resource", "pgsqld-clone")
    print(out)
    found = re.search(r"number of transactions actually processed: (\d+)", out)
    assert found and int(found[1]) > 100, out
    # Who was in the middle of a transaction when the primary stopped has lost it, and his pgbench.
    aborted = out.count("aborted in")
    assert aborted < 4, out
    assert "could not connect" not in out and "onnection refused" not in out
    text = "SELECT (SELECT sum(abalance) FROM pgbench_accounts), sum(delta), count(*)"
    text += " FROM pgbench_history"
    accounts, deltas, rows = psql("srv2", "host=127.0.0.1 port=5432", text).split("|")
    assert accounts == deltas
    assert int(rows) >= int(found[1])


def status(node: str = "srv2") -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [LAB, "exec", node, "--", "paf-haproxy", "status", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout)


def test_status_and_explain() -> None:
    eventually(lambda: status()[0] == 0, "all agree", 60)
    _, told = status()
    assert told["promoted"] == [primary()] and told["findings"] == []
    text = run("srv3", "paf-haproxy", "status")
    assert "Pacemaker, PostgreSQL and every HAProxy agree." in text
    for name in NODES:
        text = run("srv1", "paf-haproxy", "explain", name)
        assert len(text.splitlines()) == 6
    said = run("srv1", "paf-haproxy", "explain", "srv9", check=False)
    assert said == "paf-haproxy: no node srv9: the backends are srv1 srv2 srv3\n"


def test_drain_and_undrain() -> None:
    victim = next(name for name in NODES if name != primary())
    said = run("srv1", "paf-haproxy", "drain", victim)
    assert sorted(line.partition(":")[0] for line in said.splitlines()) == list(NODES)
    code, told = status()
    assert code == 0
    assert [each["text"].partition(":")[0] for each in told["findings"]] == [victim]
    for name in NODES:
        for _ in range(3):
            address = psql(name, "host=127.0.0.1 port=5433", "SELECT host(inet_server_addr())")
            assert address != ADDRESSES[victim]
    run("srv1", "pcs", "resource", "restart", "haproxy-clone", timeout=180)
    assert f"`paf-haproxy undrain {victim}`" in run("srv1", "paf-haproxy", "explain", victim)
    run("srv1", "paf-haproxy", "undrain", victim)
    eventually(lambda: status()[1]["findings"] == [], "all as before", 60)


def test_crm_resource_says_useful_words() -> None:
    leads = primary()
    text = run(leads, "crm_resource", "--resource", "haproxy", "--force-check", check=False)
    assert f"primary {leads}; HAProxy leads prod to {leads}" in text
    text = run(leads, "crm_resource", "--resource", "haproxy", "--validate", check=False)
    assert "the parameters are valid" in text


def test_a_haproxy_that_died_is_back() -> None:
    """systemd starts it anew, and the agent says so."""
    run("srv2", "sh", "-c", "kill -9 $(pgrep -f '^/usr/sbin/haproxy .*-f /run/paf-haproxy/')")
    eventually(lambda: status("srv1")[0] == 0, "it is back", 60)
    said = "HAProxy has started, and follows"
    eventually(lambda: said in lab("logs", "srv2", "-n", "200"), "it says so")
