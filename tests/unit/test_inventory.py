"""Machines behind ssh: the file that names them, what may be broken, and what ssh is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from paf_lab import inventory, remote
from paf_lab.drill import listener
from paf_lab.drill.faults import DRILLS
from paf_lab.drill.faults.haproxy import KillHaproxy
from paf_lab.drill.observer import Observer
from paf_lab.drill.settings import Bars, Settings
from paf_lab.drill.stage import Stage
from paf_lab.drill.target import LabTarget, RemoteTarget
from paf_lab.errors import LabError
from paf_lab.rejoin import can_follow
from paf_lab.remote import Remote
from paf_lab.topology import ALL, Topology

GOOD = """
# three machines
[cluster]
pgport = 5439
watch_every = 0.02
ratio = 1.9
rebuild = echo a ; echo $PRIMARY 100%
[srv1]
address = 10.0.0.1
ssh = -i 'my key' -o ProxyCommand='jump %h:%p' root@srv1
power_off = virsh destroy srv1
[srv2]
address = 10.0.0.2
ssh = srv2
"""


def write(directory: Path, text: str) -> Path:
    file = directory / "machines.ini"
    file.write_text(text)
    return file


def test_an_inventory(tmp_path: Path) -> None:
    machines, settings = inventory.load(write(tmp_path, GOOD))
    assert [(each.name, each.address) for each in machines] == [
        ("srv1", "10.0.0.1"),
        ("srv2", "10.0.0.2"),
    ]
    assert (settings.pgport, settings.watch_every) == (5439, 0.02)
    assert (settings.bars.ratio, settings.bars.route_delay) == (1.9, Bars().route_delay)
    assert settings.rebuild == "echo a ; echo $PRIMARY 100%"


def test_machines_that_are_slow(tmp_path: Path) -> None:
    slow = GOOD.replace("[cluster]", "[cluster]\nslowness = 2.5")
    usual, settings = Settings(), inventory.load(write(tmp_path, slow))[1]
    every = settings.clients("srv1", "")["every"]
    assert every == {kind: pause * 2.5 for kind, pause in usual.every.items()} and every
    assert settings.watch_postgres("srv1")["every"] == 0.02 * 2.5
    assert settings.watch_haproxy("srv1")["every"] == 0.02 * 2.5
    connect = settings.clients("srv1", "")["connect"]
    assert connect["connect_timeout"] == usual.patience * 2.5
    watchers = settings.watch_postgres("srv1"), settings.watch_haproxy("srv1")
    programs = settings.clients("srv1", ""), *watchers
    assert [each["seconds"] for each in programs] == [usual.seconds * 2.5] * 3


class Clock:
    """Stands for the time module: time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds or 0.001


class Silent:
    def update(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("slowness", [1.0, 2.5])
def test_pauses_and_deadlines_are_those_of_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slowness: float
) -> None:
    clock = Clock()
    monkeypatch.setattr(listener, "time", clock)
    seen = Observer(RemoteTarget([], Settings(slowness=slowness), ()), tmp_path, Silent())
    seen.rest(20)
    assert clock.now == pytest.approx(20 * slowness, abs=0.1)
    with pytest.raises(LabError, match=f"not within {20 * slowness:g} s: no"):
        seen.wait(lambda: "no", within=20)
    assert clock.now == pytest.approx(40 * slowness, abs=1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[srv2]", "[cluster]", "section 'cluster' already exists"),
        ("[srv2]\naddress = 10.0.0.2\nssh = srv2\n", "", "name two nodes at least"),
        ("address = 10.0.0.2\n", "", r"\[srv2\]: address is missing"),
        ("ssh = srv2", "", r"\[srv2\]: ssh is missing"),
        ("ssh = srv2", "ssh = 'srv2", r"\[srv2\]: ssh: No closing quotation"),
        ("power_off", "poweroff", r"\[srv1\]: unknown key poweroff: there are address"),
        ("pgport = 5439", "pgport = many", r"\[cluster\]: pgport = many: invalid literal"),
        ("pgport", "pg_port", r"\[cluster\]: unknown key pg_port: there are"),
        ("[cluster]", "cluster", "no section headers"),
    ],
)
def test_a_wrong_inventory(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(LabError, match=said) as caught:
        inventory.load(write(tmp_path, GOOD.replace(old, new)))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"inventory {tmp_path}")


def test_no_inventory(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="No such file"):
        inventory.load(tmp_path / "nothing")


@pytest.fixture
def target(tmp_path: Path) -> RemoteTarget:
    return RemoteTarget(*inventory.load(write(tmp_path, GOOD)), ["srv1"])


def test_only_what_was_agreed_to_is_broken(target: RemoteTarget) -> None:
    target.allow("reload", (), False)
    target.allow("poweroff", ("srv1",), False)
    with pytest.raises(LabError, match=r"rolling-restart breaks srv2: .*say --yes-break srv2$"):
        target.allow("rolling-restart", ("srv1", "srv2"), False)
    with pytest.raises(LabError, match="fourth-node needs what only the lab has"):
        target.allow("fourth-node", ("srv1",), True)
    LabTarget().allow("fourth-node", ("srv1", "srv2"), True)


@pytest.mark.parametrize("what", ALL.values(), ids=lambda what: what.name)
def test_the_lab_is_reached_as_its_topology_says(what: Topology) -> None:
    found = LabTarget(what).settings
    assert list(found.every) == list(what.kinds)
    assert {name: getattr(found, name) for name in vars(what.access)} == vars(what.access)
    assert (found.pooler_port == 0) == (what.name not in ("paf-haproxy", "documented"))


def test_drills_have_the_usual_settings() -> None:
    assert LabTarget().settings == Settings(pooler_port=6432)


def test_agreed_to_a_node_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="--yes-break srv9: the inventory has no such node"):
        RemoteTarget(*inventory.load(write(tmp_path, GOOD)), ["srv1", "srv9"])


class NoView:
    def update(self, *words: object) -> None:
        pass


def test_what_each_drill_breaks(target: RemoteTarget, tmp_path: Path) -> None:
    """Nothing but where everything is asked for and orderly; all nodes unless it knows better."""
    stage = Stage(target, tmp_path, NoView())
    stage.primary = "srv2"
    # The DC's node is whoever Pacemaker says.
    known = [what for what in DRILLS if what.name != "poweroff-dc"]
    found = {what.name: frozenset(what().breaks(stage)) for what in known}
    gentle = {name for name, broken in found.items() if not broken}
    members = {"proxy-node", "node-standby", "maintenance"}
    switchovers = {"switchover", "switchover-command", "slow-transactions", "long-transactions"}
    reloads = {"reload", "upgrade", "reload-in-switchover", "many-reloads"}
    assert gentle == {"ban"} | reloads | members | switchovers
    assert found["poweroff"] == {"srv2"}
    assert found["poweroff-standby"] == {"srv1"}
    assert found["rolling-restart"] == found["quorum-lost"] == {"srv1", "srv2"}
    killed = KillHaproxy()
    killed._victim = "srv1"
    assert killed.breaks(stage) == ("srv1",)


@pytest.fixture
def fake_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ssh that notes its words and runs the command here; it does not know host 'lost'."""
    script = (
        '#!/bin/sh\nprintf "%s\\n" "$@" >"$0.words"\n'
        'for word; do last=$word; [ "$word" != lost ] || { echo no route >&2; exit 255; }; done\n'
        'exec sh -c "$last"\n'
    )
    program = tmp_path / "ssh"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "ssh.words"


def test_words_reach_the_program_as_they_are(fake_ssh: Path) -> None:
    node = Remote("srv1", "10.0.0.1", ["-i", "my key", "srv1"], {})
    assert node.run("printf", "%s|", "a b", "$HOME", "it's").stdout == "a b|$HOME|it's|"
    words = fake_ssh.read_text().splitlines()
    patience = ["-o", "ConnectTimeout=3", "-o", "ServerAliveInterval=2"]
    assert words[:-1] == ["-i", "my key", "srv1", *patience, *remote.OPTIONS, "--"]
    assert node.run("cat", input="text").stdout == "text"
    assert node.run("sh", "-c", "exit 3", check=False).returncode == 3
    assert node.running


@pytest.mark.parametrize(("slowness", "within"), [(1.0, "0.5"), (3.0, "1.5")])
def test_a_slow_machine_has_more_time(fake_ssh: Path, slowness: float, within: str) -> None:
    node = Remote("srv1", "10.0.0.1", ["srv1"], {}, slowness)
    with pytest.raises(LabError, match=f"no end within {within} s"):
        node.run("sleep", "60", timeout=0.5)
    words = fake_ssh.read_text().splitlines()
    assert f"ConnectTimeout={3 * slowness:.0f}" in words
    assert f"ServerAliveInterval={2 * slowness:.0f}" in words


def test_a_program_that_fails_and_a_machine_that_is_lost(fake_ssh: Path) -> None:
    node = Remote("srv1", "10.0.0.1", ["srv1"], {})
    with pytest.raises(LabError, match=r"^srv1: sh -c .* ended with 4: oh$"):
        node.run("sh", "-c", "echo oh >&2; exit 4")
    lost = Remote("srv2", "10.0.0.2", ["lost"], {})
    assert not lost.running
    with pytest.raises(LabError, match=r"^srv2: ssh does not reach it: no route$"):
        lost.run("true", check=False)
    lost.ip("route", "del", "10.0.0.1", check=False)
    with pytest.raises(LabError, match="srv2"):
        lost.ip("route", "add", "10.0.0.1")


def test_orders(tmp_path: Path) -> None:
    node = Remote("srv1", "10.0.0.1", ["srv1"], {"power_off": f"echo off >{tmp_path}/power"})
    node.power_off()
    assert (tmp_path / "power").read_text() == "off\n"
    with pytest.raises(LabError, match=r"^the inventory has no plug_in for srv1"):
        node.plug_in()


def test_fencings_that_pacemaker_tells(target: RemoteTarget, tmp_path: Path) -> None:
    """As stonith_admin of Pacemaker 2.1.5 prints them."""
    history = """<pacemaker-result><fence_history target="*">
 <fence_event action="reboot" target="srv1" status="success" completed="2026-11-23 06:28:55Z"/>
 <fence_event action="reboot" target="srv2" status="failed" completed="2026-11-23 06:28:56Z"/>
 <fence_event action="on" target="srv1" status="success" completed="2026-11-23 06:28:57Z"/>
 <fence_event action="off" target="srv1" status="success" completed="2026-11-23 06:20:00Z"/>
 <fence_event action="reboot" target="srv2" status="pending"/>
</fence_history></pacemaker-result>"""

    class Witness(Remote):
        def run(self, *argv: str, **options: object):  # type: ignore[no-untyped-def]
            class Done:
                stdout = history

            return Done()

    witness = Witness("srv2", "10.0.0.2", ["srv2"], {})
    at = 1795415335.0  # 06:28:55
    assert target.fencings(at + 0.7, witness) == 1, "in whole seconds"
    assert target.fencings(at + 1, witness) == 0
    assert target.fencings(at - 3600, witness) == 2


@pytest.mark.parametrize(
    ("state", "follows"),
    [
        ("shut down", True),
        ("shut down in recovery", True),
        ("in archive recovery", True),
        ("in production", False),
        ("in crash recovery", False),
        ("shutting down", False),
        ("starting up", False),
    ],
)
def test_which_instance_can_follow(state: str, follows: bool) -> None:
    """By the words of pg_controldata (PostgreSQL, src/bin/pg_controldata, dbState)."""
    text = f"Catalog version number:   202209061\nDatabase cluster state:               {state}\n"
    assert can_follow(text) is follows
    assert not can_follow("")
