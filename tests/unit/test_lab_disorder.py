"""The power switch out of order: late, or pretending; and what a drill does to processes."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab import cgroup, confine, container, disorder, package, power
from paf_lab.confine import Cell
from paf_lab.errors import LabError
from paf_lab.layout import GROUP

LOG = """\
1970-01-01T00:20:00+00:00 reboot srv3
1970-01-01T00:20:01+00:00 status srv3
1970-01-01T00:20:40.5+00:00 reboot srv3: off
1970-01-01T00:21:00+00:00 off srv1
1970-01-01T00:21:09+00:00 off srv1: off (pretended)
1970-01-01T00:22:00+00:00 off srv2
1970-01-01T00:22:01+00:00 off srv2: error out of order
1970-01-01T00:23:00+00:00 off srv2
""".replace("40.5", "40.500000")


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A node that notes what the daemon does to it, and how long the daemon slept."""
    node = SimpleNamespace(name="srv1", running=True, done=[], slept=[])
    node.power_off = lambda: node.done.append("off")
    node.boot = lambda: node.done.append("on")
    node.reset = lambda off, seconds: (node.done.append("reset"), off.set())
    for name in ("DELAY", "PRETENCE", "REFUSAL"):
        monkeypatch.setattr(disorder, name, tmp_path / name)
    monkeypatch.setattr(power, "named", lambda name: node)
    monkeypatch.setattr(power, "time", SimpleNamespace(sleep=node.slept.append))
    return node


def test_an_order_is_late(switch: Any) -> None:
    power.switch("off srv1")
    assert switch.slept == [0]
    disorder.delay(40)
    for line in ("off srv1", "reboot srv1", "on srv1", "status srv1"):
        power.switch(line)
    assert switch.slept == [0, 40, 40] and switch.done == ["off", "off", "reset", "on"]
    disorder.delay(0)
    disorder.delay(0)
    power.switch("off srv1")
    assert switch.slept[-1] == 0


def test_a_delay_that_is_being_written(switch: Any) -> None:
    disorder.DELAY.write_text("")
    assert disorder.lateness() == 0


def test_a_switch_that_pretends(switch: Any) -> None:
    disorder.pretend(True)
    answers = [power.switch(f"{verb} srv1") for verb in ("off", "reboot", "on", "status")]
    assert answers == ["off (pretended)", "off (pretended)", "on (pretended)", "on"]
    assert not switch.done
    disorder.pretend(False)
    assert power.switch("reboot srv1") == "off" and switch.done == ["reset"]


def test_a_switch_that_refuses_does_not_pretend(switch: Any) -> None:
    disorder.pretend(True)
    disorder.refuse(True)
    with pytest.raises(LabError, match="out of order"):
        power.switch("off srv1")
    disorder.refuse(False)
    assert power.switch("off srv1") == "off (pretended)"


def test_how_long_a_fencing_took(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert disorder.durations(LOG, 0) == [("srv3", 40.5)]
    assert disorder.durations(LOG, 1240) == []
    monkeypatch.setattr(power, "LOG", tmp_path / "power.log")
    power.LOG.write_text(LOG)
    assert power.fencings(0) == ["srv3"], "a pretended fencing is none"


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A hierarchy with the group of srv1 in it."""
    group = tmp_path / GROUP / "srv1"
    group.mkdir(parents=True)
    monkeypatch.setattr(cgroup, "hierarchies", lambda: [tmp_path / "v1", tmp_path])
    return group


def test_a_node_is_frozen(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="srv1 cannot be frozen: mount cgroup2"):
        cgroup.freeze("srv1", True)
    assert not cgroup.frozen("srv1")
    cgroup.freeze("srv1", False)  # off, or without a freezer: nothing to thaw
    (tree / "cgroup.freeze").write_text("0")
    (tree / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    with pytest.raises(LabError, match=r"srv1 is not frozen after 0\.03 s"):
        cgroup.freeze("srv1", True, within=0.03)
    assert (tree / "cgroup.freeze").read_text() == "1"
    (tree / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    cgroup.freeze("srv1", True)
    assert cgroup.frozen("srv1")
    (tree / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    cgroup.freeze("srv1", False)
    assert (tree / "cgroup.freeze").read_text() == "0"


def test_the_pid_of_a_process_in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"500": "NSpid:\t500\t1\n", "501": "NSpid:\t501\t77\n", "502": "NSpid:\t502\n"}
    real = Path.read_text

    def read(path: Path, **_: Any) -> str:
        parts = path.parts
        return texts[parts[2]] if parts[1] == "proc" and parts[2] in texts else real(path)

    monkeypatch.setattr(Path, "read_text", read)
    monkeypatch.setattr(cgroup, "members", lambda name: {500, 501, 502})
    assert container.leader("srv1") == 500
    assert container.host_pid("srv1", 77) == 501
    assert container.host_pid("srv1", 78) is None


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(confine, "MOUNTS", mounts)
    monkeypatch.setattr(confine, "_present", lambda controller, pid: "/before")
    (tmp_path / "before").mkdir()
    return mounts


def test_limits_of_a_process(mounted: Path, tmp_path: Path) -> None:
    mounted.write_text(
        f"cgroup {tmp_path} cgroup rw,cpu 0 0\ncgroup {tmp_path} cgroup rw,memory 0 0\n"
    )
    cell = confine.memory(77, 4096)
    assert (cell.group / "memory.limit_in_bytes").read_text() == "4096"
    assert (cell.group / "cgroup.procs").read_text() == "77" and cell.before == tmp_path / "before"
    slow = confine.cpu(77, 0.05)
    assert (slow.group / "cpu.cfs_quota_us").read_text() == "5000"
    assert (slow.group / "cpu.cfs_period_us").read_text() == "100000"
    assert slow.group != cell.group


def test_limits_in_cgroup2(mounted: Path, tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    mounted.write_text(f"none {tmp_path} cgroup2 rw 0 0\n")
    cell = confine.cpu(77, 0.05)
    assert (cell.group / "cpu.max").read_text() == "5000 100000"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu"
    with pytest.raises(LabError, match="has the controller io: mount one"):
        confine.hierarchy("io")


def test_what_the_kernel_counts(tmp_path: Path) -> None:
    cell = Cell(controller="memory", pid=77, group=tmp_path, before=tmp_path)
    assert cell.count("oom_kill") == 0
    (tmp_path / "memory.oom_control").write_text("under_oom 0\noom_kill 2\n")
    (tmp_path / "cpu.stat").write_text("nr_periods 9\nnr_throttled 4\n")
    assert (cell.count("oom_kill"), cell.count("nr_throttled")) == (2, 4)


def test_a_group_that_is_gone_is_released(tmp_path: Path) -> None:
    Cell(controller="cpu", pid=77, group=tmp_path / "gone", before=tmp_path).release()


def test_a_group_that_stays_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = tmp_path / "cell"
    group.mkdir()
    (group / "cgroup.procs").write_text("77\n")  # a real one has no files to remove
    monkeypatch.setattr(confine, "REMOVED_WITHIN", 0.05)
    began = time.monotonic()
    with pytest.raises(LabError, match="is still in use"):
        Cell(controller="cpu", pid=77, group=group, before=tmp_path).release()
    assert time.monotonic() - began < 2
    assert (tmp_path / "cgroup.procs").read_text() == "77", "the process was put back"


def test_an_older_package_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "run", lambda *_, **__: SimpleNamespace(stdout=""))
    with pytest.raises(LabError, match=r"has no commit HEAD~20: git fetch --unshallow"):
        package.older("HEAD~20", "0.0.9")


def test_an_older_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done: list[str] = []

    def run(words: list[str], **_: Any) -> Any:
        done.append(" ".join(words))
        return SimpleNamespace(stdout="0123456789abcdef\n")

    monkeypatch.setattr(package, "run", run)
    monkeypatch.setattr(package, "CACHE", tmp_path)
    monkeypatch.setattr(package, "WORK", tmp_path / "work")
    monkeypatch.setattr(package, "_make", lambda tree, target: target.write_text(tree.name))
    monkeypatch.setattr(package, "_versioned", lambda deb, version, target: (deb, version, target))
    deb = tmp_path / "older-0123456789ab.deb"
    found: Any = package.older("HEAD~20", "0.0.9")
    assert found == (deb, "0.0.9", tmp_path / "older.deb") and deb.exists()
    assert "archive" in done[1] and "tar -x" in done[2]
    package.older("HEAD~20", "0.0.9")
    assert len(done) == 4, "it is built once"
