"""The real thing: a cluster of three, switched over, and broken a little."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from paf_lab import cgroup, network, package, power
from paf_lab.drill import html
from paf_lab.drill.faults import SHORT
from paf_lab.layout import STATE
from paf_lab.node import named
from tests.tools.waiting import eventually

from .conftest import LAB, lab

pytestmark = pytest.mark.lab

# How long things took is recorded and printed, not asserted: the machine may be busy.
PACE = (
    "write outage / PAF's switchover",
    "HAProxy is back",
    "writes again",
    "longest without a write",
    "writers without an answer",
    "readers without an answer",
)


def drill(name: str, tmp_path: Path, *options: str) -> dict[str, Any]:
    """Returns a drill's figures, after it has passed all that is not a matter of pace."""
    file = tmp_path / f"{name}.json"
    said = lab("drill", name, "--json", str(file), *options, check=False)
    assert file.exists(), said[-3000:]
    figures: dict[str, Any] = json.loads(file.read_text())
    assert len(figures["runs"]) == 1
    (run,) = figures["runs"]
    assert run["findings"], "a run without an audit proves nothing"
    failed = [each for each in run["findings"] if not each["passed"]]
    assert not [each for each in failed if not each["name"].startswith(PACE)], said[-4000:]
    for kind in ("connecting", "session", "reader"):
        assert run["outcomes"][kind]["ack"] > 50
    assert len(html.figures_of(file.with_suffix(".html").read_text())) == 1
    print(name, run["outcomes"], run.get("change"))
    return run  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", [*SHORT, "ban", "reload", "fourth-node"])
def test_drill(name: str, tmp_path: Path) -> None:
    run = drill(name, tmp_path)
    moves = name in ("switchover", "poweroff", "isolate", "lost-notify")
    if moves:
        assert run["primary_before"] != run["primary_expected"]
        assert run["change"]["absence"] > 0


def test_drill_over_ssh(tmp_path: Path) -> None:
    """The same drills on machines of an inventory; what would break one needs consent."""
    file = tmp_path / "machines.ini"
    lab("inventory", str(file))
    run = drill("switchover", tmp_path, "--inventory", str(file))
    assert run["primary_before"] != run["primary_expected"]
    said = lab("drill", "poweroff", "--inventory", str(file), check=False)
    primary = run["primary_expected"]
    assert said.endswith(
        f"lab: poweroff breaks {primary}: if that is meant, say --yes-break {primary}\n"
    )


def test_crmsh_takes_the_same_resources(tmp_path: Path) -> None:
    """cluster.crm, loaded into a shadow CIB and verified; and it says what the pcs scripts said."""
    script = (
        "sed s/FENCE_AGENT/fence_paf_lab/ /usr/share/paf-haproxy/pcs-scripts/cluster.crm"
        " >/root/test.crm;"
        " crm cib delete test >/dev/null 2>&1; crm cib new test empty >/dev/null &&"
        " CIB_shadow=test crm configure load replace /root/test.crm"
        " && CIB_shadow=test crm configure verify && CIB_shadow=test cibadmin --query"
    )
    said = lab("exec", "srv1", "--", "sh", "-c", script)
    # An empty cluster has no quorum, and says so; nothing else may be said.
    bad = [line for line in said.splitlines() if "ERROR" in line or "WARNING" in line]
    assert not [line for line in bad if "lack of quorum" not in line]
    for element in (
        'id="haproxy-clone"', 'id="pgsqld-clone"', 'influence="false"', 'symmetrical="false"',
        'then-action="demote"', 'type="pgsqlms"', 'provider="paf"', 'name="notify" value="true"',
    ):  # fmt: skip
        assert element in said


def test_slowness_scales_every_interval_and_timeout() -> None:
    """In a file: the scripts change no cluster."""
    script = (
        "set -e; export CIB=/root/slow.cib FENCE_AGENT=fence_paf_lab; rm -f $CIB;"
        " cibadmin --empty >$CIB; cd /usr/share/paf-haproxy/pcs-scripts;"
        " for each in 30-fencing 50-paf 60-haproxy; do bash $each.sh >/dev/null; done;"
        " CIB_file=$CIB cibadmin --query --scope resources; rm $CIB"
    )
    first, second = (
        lab("exec", "srv1", "--", "env", f"SLOWNESS={slowness}", "bash", "-c", script)
        for slowness in (1, 5)
    )
    usual = times(first)
    assert len(usual) == 19
    assert times(second) == {op: tuple(5 * each for each in of) for op, of in usual.items()}
    assert "hold_timeout" not in first, "its default"
    assert 'name="hold_timeout" value="150s"' in second


MEANWHILE = """\
#!/bin/bash
if [ "$1 $2" = "cluster cib-push" ]; then
    crm_attribute --node srv2 --name meanwhile --update 1
fi
exec /usr/sbin/pcs "$@"
"""
LIVE = """\
cd /usr/share/paf-haproxy/pcs-scripts
. ./settings.sh
PATH=/root/meanwhile:$PATH
live resource meta fence priority=0
crm_resource --resource fence --meta --get-parameter priority
crm_attribute --node srv2 --name meanwhile --query --quiet
"""


def test_what_paf_writes_while_pcs_works_is_kept() -> None:
    """A score is a permanent attribute of a node: docs/traps/pcs.md, "pcs makes PAF's monitor of
    the primary time out".
    """
    node = named("srv1")
    node.run("mkdir", "-p", "/root/meanwhile")
    node.run("tee", "/root/meanwhile/pcs", input=MEANWHILE)
    node.run("chmod", "+x", "/root/meanwhile/pcs")
    try:
        assert node.run("bash", "-ec", LIVE).stdout.split()[-2:] == ["0", "1"]
    finally:
        node.run("rm", "-r", "/root/meanwhile")
        node.run("crm_attribute", "--node", "srv2", "--name", "meanwhile", "--delete")
        words = ("--meta", "--delete-parameter", "priority")
        node.run("crm_resource", "--resource", "fence", *words)


def test_pcs_is_the_one_that_settings_sh_knows() -> None:
    """With its modules, where nodes are slow: tests/unit/test_pcs_scripts.py has the patience."""
    pcs = "cd /usr/share/paf-haproxy/pcs-scripts; . ./settings.sh; pcs_nodes status pcsd srv2 srv3"
    for slowness in (1, 5):
        said = lab("exec", "srv1", "--", "env", f"SLOWNESS={slowness}", "bash", "-c", pcs)
        # pcs names a node when that node answers: in any order
        online = {line.strip() for line in said.splitlines()}
        assert online == {"srv2: Online", "srv3: Online"}
    known = "from pcs import settings; print(settings.default_request_timeout)"
    assert lab("exec", "srv1", "--", "python3", "-c", known) == "60\n"


def times(xml: str) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Returns interval and timeout, in s, of each operation but those that PAF does not have."""
    return {
        (str(rsc.get("id")), str(op.get("name")), op.get("role", "")): tuple(
            int(op.get(name, "").rstrip("s")) for name in ("interval", "timeout")
        )
        for rsc in ElementTree.fromstring(xml).iter("primitive")
        for op in rsc.iter("op")
        if (rsc.get("id"), op.get("name")) not in (("pgsqld", "methods"), ("pgsqld", "reload"))
    }


def test_lintian_has_no_objections() -> None:
    words = ["lintian", "--allow-root", "--fail-on", "error,warning", str(package.build())]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_up_is_idempotent() -> None:
    assert "up: primary" in lab("up")


def test_logs_of_all_nodes_arrive() -> None:
    for node in ("srv1", "srv2", "srv3"):
        assert f" {node} " in lab("logs", node, "-n", "5")


def test_exec_gives_the_commands_own_exit_code() -> None:
    assert subprocess.run([LAB, "exec", "srv1", "--", "sh", "-c", "exit 7"]).returncode == 7
    done = subprocess.run([LAB, "exec", "srv9", "true"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["lab: no node srv9: there are srv1, srv2, srv3, log-sink"]


def test_fencing_really_kills() -> None:
    """A node without power says nothing, and a session to it does not even end."""
    srv1, srv3 = named("srv1"), named("srv3")
    before = lab("exec", "srv3", "cat", "/proc/sys/kernel/random/boot_id", "/proc/1/stat")
    srv3.ip("address", "add", "10.20.30.99/24", "dev", "eth0")
    session = ("timeout", "10", "ncat", "srv3", "7777")

    def seen(state: str) -> str:
        return srv3.run("ss", "-Htn", "state", state, "sport", "=", ":7777").stdout

    with srv3.popen("ncat", "-l", "7777", stdin=subprocess.PIPE):
        eventually(lambda: seen("listening"), "somebody listens")
        peer = srv1.popen(*session, stdin=subprocess.PIPE)
        eventually(lambda: seen("established"), "the session stands")
        srv3.power_off()
        for port in ("7777", "5434"):
            told = srv1.run("timeout", "2", "ncat", "-z", "srv3", port, check=False)
            assert told.returncode == 124, "neither an answer nor a refusal"
        assert peer.wait(timeout=30) == 124, "nothing has ended it"
    lab("up")  # the fencing has switched it on; once it is healthy again
    assert "10.20.30.99" not in lab("exec", "srv3", "ip", "address")
    after = lab("exec", "srv3", "cat", "/proc/sys/kernel/random/boot_id", "/proc/1/stat")
    assert before != after, "the first process of the node is another one"


def test_down_leaves_nothing() -> None:
    lab("down")
    nothing_is_left()


@pytest.mark.parametrize("seconds", [0.7, 3, 15])
def test_down_leaves_nothing_of_an_up_that_was_killed(seconds: float) -> None:
    """While it makes the network, boots, and sets the cluster up."""
    up = subprocess.Popen([LAB, "up"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    assert up.poll() is None, "it was at work"
    up.kill()
    up.wait()
    lab("down")
    nothing_is_left()


def nothing_is_left() -> None:
    mounts = Path("/proc/mounts").read_text()
    assert str(STATE) not in mounts
    assert not network.existing()
    assert not [group for group in cgroup.groups("srv1") if group.parent.exists()]
    assert power.pid() is None
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes()
        except OSError:
            continue
        assert str(STATE).encode() not in words
