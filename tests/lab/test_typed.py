"""docs/operations.md, typed as it stands: three blank Debian nodes, then a day's work."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from paf_lab import handbook
from paf_lab.cluster import promoted
from paf_lab.layout import DATABASE_NODES
from paf_lab.machine import Machine
from paf_lab.migration import WAYS
from paf_lab.node import NODES, named
from paf_lab.topology import documented

from .conftest import LAB, lab
from .typing_page import TYPED, lines, primary, section, soon, typed, whole

pytestmark = pytest.mark.lab

ELSEWHERE = {
    "Install": "lab up --topology documented types it",
    "Adding and removing a node": "lab drill fourth-node runs its scripts",
    **{section: "test_migrations.py" for way in WAYS.values() for section in way.sections},
}
"""Sections that no test of this file types, and who does."""
HOLD = "timeout queue 60000ms"


@pytest.fixture(scope="module", autouse=True)
def blank_nodes() -> Iterator[None]:
    lab("down")
    cut_off()
    lab("up", timeout=1500)
    yield
    lab("down")


def cut_off() -> None:
    """A lab up that dies while it types: the next one starts anew, for no command goes twice."""
    with subprocess.Popen([LAB, "up", "--topology", "documented"], stdout=subprocess.DEVNULL) as up:
        try:
            soon(documented.Documented().half_built, "the page is being typed", 120)
        finally:
            up.kill()


def test_nothing_of_ours_was_there_before() -> None:
    """What runs on the nodes came by the page: they stand on an image that has none of it."""
    image = named("srv1").image
    assert image
    for file in ("usr/sbin/pcs", "usr/sbin/haproxy", "usr/lib/postgresql", "usr/share/paf-haproxy"):
        assert (named("srv1").root / file).exists()
        assert not (image / file).exists()


def test_the_cluster_works(tmp_path: Path) -> None:
    whole()
    file = tmp_path / "switchover.json"
    said = lab("drill", "switchover", "--json", str(file), check=False)
    (run,) = json.loads(file.read_text())["runs"]
    bad = [each for each in run["findings"] if not each["passed"]]
    assert not [
        each
        for each in bad
        if not each["name"].startswith(("write outage", "writers w", "readers w"))
    ], said[-3000:]


def test_first_look() -> None:
    found = [typed("srv1", line) for line in lines("First look")]
    assert "every HAProxy agree" in found[0]
    assert "srv2" in found[1] and "haproxy-clone" in found[2]
    assert primary() in found[3]


def test_checking_an_installation() -> None:
    """Nothing is wrong on any node: `typed` fails if the exit code is not 0."""
    (block,) = section("Checking an installation")
    for node in block.where(DATABASE_NODES):
        said = typed(node, block.text)
        assert ": nothing is wrong" in said
        assert "not known: PostgreSQL" not in said


def moved_to(node: str, command: str) -> None:
    typed("srv1", command)
    soon(lambda: primary() == node, f"{node} is promoted")
    whole()


def test_log_lines() -> None:
    (line,) = lines("Log lines")
    assert " paf-haproxy[" in typed("srv1", line)


def test_switchover() -> None:
    command, by_hand = section("Switchover")
    dry_run, move = command.commands
    before = primary()
    other = "srv3" if before == "srv2" else "srv2"
    assert "streaming" in typed("srv1", dry_run.replace("srv2", other))
    assert primary() == before
    said = typed("srv1", move.replace("srv2", other), timeout=400)
    assert f"{other} is the primary" in said
    assert primary() == other
    assert "cli-" not in typed("srv1", "cibadmin --query --scope constraints")
    cleanup, move, watch, clear = by_hand.commands
    typed("srv1", cleanup)
    if primary() == "srv2":
        moved_to("srv1", move.replace("srv2", "srv1"))
        typed("srv1", clear)
    moved_to("srv2", move)
    screens = named("srv1").run("timeout", "6", *watch.split(), check=False).stdout
    assert screens.count("NODE ") > 1
    typed("srv1", clear)
    assert "cli-" not in typed("srv1", "cibadmin --query --scope constraints")


def test_pgbouncer() -> None:
    role, install, parameter = section("PgBouncer: sessions that go on")
    for name in DATABASE_NODES:
        typed(name, "echo export POOLER_PASSWORD=of-the-pooler >>/root/paf-haproxy.env")
    typed(primary(), role.text)
    for name in DATABASE_NODES:
        typed(name, install.text, timeout=600)
    typed("srv1", parameter.text)
    ask = (
        '. /root/paf-haproxy.env; PGPASSWORD=$APP_PASSWORD psql -h srv2 -p 6432 -U app -Atc "SELECT'
        ' pg_is_in_recovery()"'
    )
    soon(lambda: typed("srv1", f"{ask} app").strip() == "f", "PgBouncer leads to the primary")
    assert typed("srv1", f"{ask} app_ro").strip() == "t"
    moved = "srv3" if primary() != "srv3" else "srv1"
    typed("srv1", f"paf-haproxy switchover {moved}", timeout=400)
    for name in DATABASE_NODES:
        said = typed(name, "journalctl -t paf-haproxy --since -3min | grep 'post-demote: '")
        assert "; PgBouncer: " in said


def test_a_crash() -> None:
    (cleanup,) = lines("A crash of PostgreSQL")
    whole()
    node = named(primary())
    told = "journalctl -t paf-haproxy --since -1min --output=cat"
    typed(node.name, "kill -9 $(head -1 /var/lib/postgresql/15/main/postmaster.pid)")
    soon(lambda: "reported to Pacemaker" in typed(node.name, told), "it is reported", within=10)
    whole()
    assert "Simulated failure" in typed("srv1", "crm_mon -1")
    typed("srv1", cleanup)
    soon(lambda: "Failed Resource" not in typed("srv1", "crm_mon -1"), "the record is gone")
    whole()


def test_patching_a_node() -> None:
    procedure, upgrade = section("Patching a node")
    standby, patch, start, unstandby, look = procedure.commands
    node = named("srv3")
    typed("srv1", standby)
    typed("srv3", patch)
    node.run("systemctl", "stop", "pacemaker", "corosync", timeout=90)
    node.power_off()
    node.boot()
    node.await_ready()
    typed("srv1", start)
    soon(lambda: typed("srv1", "crm_node -p").count("srv") == 3, "srv3 is a member again")
    typed("srv1", unstandby)
    whole()
    typed("srv1", look)
    assert "maxconn 2001" not in config("srv3")
    typed("srv1", upgrade.text)
    soon(lambda: "maxconn 2001" in config("srv3"), "the new maxconn")


def config(node: str) -> str:
    return named(node).run("cat", "/run/paf-haproxy/haproxy.cfg").stdout


def _holds(node: str) -> bool:
    return HOLD in config(node)


def test_changing_a_parameter() -> None:
    (line,) = lines("Changing a parameter")
    assert HOLD not in config("srv1")
    typed("srv1", line)
    for node in DATABASE_NODES:
        soon(partial(_holds, node), f"the new hold_timeout on {node}")


def test_a_rejected_configuration() -> None:
    """Each of the commands names the parameter."""
    (block,) = section("A rejected configuration")
    change = "crm_resource --resource haproxy"
    typed("srv1", f"{change} --set-parameter maxconn --parameter-value many")
    note = "cat /run/paf-haproxy/rejected 2>/dev/null || true"
    soon(lambda: "maxconn" in typed("srv1", note), "it is rejected")
    for line in block.commands:
        soon(partial(_names, line, "maxconn"), line)
    typed("srv1", f"{change} --delete-parameter maxconn")
    whole()
    assert typed("srv1", note) == ""


def _names(line: str, name: str) -> bool:
    return name in typed("srv1", f"set +e\n{line}\ntrue")


def test_a_haproxy_that_could_not_be_started() -> None:
    (line,) = lines("A HAProxy that could not be started")
    typed("srv1", line)
    asked = line.replace("--set-parameter", "--get-parameter").partition(" --parameter-value")[0]
    assert typed("srv1", asked).strip() == "30s"


def test_standbys_that_still_use_port_5432() -> None:
    _, change = section("Standbys that still use port 5432")
    for node in change.where(DATABASE_NODES):
        typed(node, change.text)
    whole()


def explained(node: str) -> str:
    return typed("srv1", f"paf-haproxy explain {node}")


def test_taking_a_node_out_of_stdby() -> None:
    drain, undrain = lines("Taking a node out of stdby")
    node = next(name for name in DATABASE_NODES if name != primary())
    typed("srv1", drain.replace("srv2", node))
    soon(lambda: "drained" in explained(node), "explain says so")
    typed("srv1", undrain.replace("srv2", node))
    soon(lambda: "drained" not in explained(node), "explain says nothing of it")


def online(node: str) -> int:
    """Returns how many nodes Pacemaker of a node sees online."""
    return typed(node, "crm_mon -1 --output-as=xml").count('online="true"')


def test_maintenance() -> None:
    on, stop, start, off = lines("Maintenance of the cluster itself")
    typed("srv1", on)
    typed("srv1", stop)
    for node in DATABASE_NODES:
        assert named(node).run("pidof", "pacemakerd", check=False).returncode
        said = named(node).run("ncat", "--recv-only", "127.0.0.1", "5431").stdout.strip()
        assert said in ("production", "standby"), "HAProxy serves on"
    typed("srv1", start)
    soon(lambda: online("srv1") == len(DATABASE_NODES), "all nodes are online again")
    typed("srv1", "crm_resource --wait --timeout=60")  # every resource has been probed
    typed("srv1", off)
    whole()


def reached(port: int, of: Machine, by: Machine) -> bool:
    words = ("ncat", "--send-only", "--wait", "3", of.address, str(port))
    return by.run(*words, check=False, input="").returncode == 0


def test_firewall() -> None:
    """A node with firewalld joins again; a machine that is no node reaches its pools alone."""
    (block,) = section("Firewall")
    node = next(named(name) for name in DATABASE_NODES if name != primary())
    other, stranger = named(primary()), named("log-sink")
    assert f"{{{','.join(each.address for each in NODES)}}}" in block.text
    assert reached(5434, node, stranger), "nothing is shut yet"
    typed(node.name, f"pcs cluster stop {node.name}")
    typed(node.name, block.text, timeout=300)
    typed(node.name, f"pcs cluster start {node.name}")
    soon(lambda: online("srv1") == len(DATABASE_NODES), "it is a member again")
    whole()
    for port in (5431, 5432, 5433, 5434, 5435, 7000, 8008):
        assert reached(port, node, other), f"{port} for a node"
        assert reached(port, node, stranger) == (port in (5432, 5433)), f"{port} for a stranger"


def test_after_a_failover() -> None:
    look, anew = section("After a failover")
    lost: Machine = named(primary())
    lost.power_off()
    soon(lambda: promoted() not in (None, lost.name), "another is promoted", 90)
    soon(lambda: lost.running, "the fencing has switched it on again")
    lost.await_ready()
    leads = primary()
    assert "in production" in typed(lost.name, look.text)
    typed(lost.name, anew.text.replace("standby srv1", f"standby {leads}"), timeout=300)
    whole()


def test_every_section_is_typed_by_somebody() -> None:
    """Runs last: the tests above have noted what they typed."""
    sections = {block.section for block in handbook.blocks()}
    assert set(ELSEWHERE) < sections
    assert sections == TYPED | set(ELSEWHERE)
