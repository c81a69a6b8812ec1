"""PAF's own notify: found by what it is called with, waited for, and never for long."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from paf_haproxy import paf_notify


def process(proc: Path, pid: str, *words: str) -> None:
    directory = proc / pid
    directory.mkdir()
    (directory / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("/usr/bin/perl", "/usr/lib/ocf/resource.d/heartbeat/pgsqlms", "notify"), True),
        (("perl", "-w", "/usr/lib/ocf/resource.d/heartbeat/pgsqlms", "notify"), True),
        (("/usr/lib/ocf/resource.d/heartbeat/pgsqlms", "notify"), True),
        (("perl", "/usr/lib/ocf/resource.d/heartbeat/pgsqlms", "monitor"), False),
        (("perl", "/usr/lib/ocf/resource.d/heartbeat/notpgsqlms", "notify"), False),
        (("/usr/lib/ocf/resource.d/paf/haproxy", "notify"), False),
        (("vi", "pgsqlms", "notify"), False),
        (("notify",), False),
        ((), False),
    ],
)
def test_find(tmp_path: Path, words: tuple[str, ...], found: bool) -> None:
    process(tmp_path, "1", "/sbin/init")
    process(tmp_path, "4711", *words)
    (tmp_path / "meminfo").write_text("")
    (tmp_path / "4712").mkdir()  # it ended while we looked
    assert paf_notify.find(str(tmp_path)) == (4711 if found else None)


PGSQLMS = ("/usr/lib/ocf/resource.d/heartbeat/pgsqlms", "notify")


def acts_for(proc: Path, pid: str, instance: str) -> None:
    """Writes what a notify of the PAF resource looks like in /proc."""
    process(proc, pid, *PGSQLMS)
    variables = (b"LANG=C", b"OCF_RESOURCE_INSTANCE=" + instance.encode(), b"X=1")
    (proc / pid / "environ").write_bytes(b"\0".join(variables) + b"\0")


@pytest.mark.parametrize(
    ("instances", "clone", "found"),
    [
        (("pgsqld",), "pgsqld-clone", 100),
        (("pgsqld:1",), "pgsqld-clone", 100),
        (("other",), "pgsqld-clone", None),
        (("other", "pgsqld"), "pgsqld-clone", 101),
        (("pgsqld2", "pgsql"), "pgsqld-clone", None),
        # crmsh lets people choose the name of a clone: it does not tell the resource's.
        (("other",), "ms_pgsqld", 100),
    ],
)
def test_find_only_that_of_our_clone(
    tmp_path: Path, instances: tuple[str, ...], clone: str, found: int | None
) -> None:
    for number, instance in enumerate(instances, start=100):
        acts_for(tmp_path, str(number), instance)
    assert paf_notify.find(str(tmp_path), clone) == found


def test_a_notify_that_does_not_tell_its_resource_is_waited_for(tmp_path: Path) -> None:
    process(tmp_path, "100", *PGSQLMS)
    assert paf_notify.find(str(tmp_path), "pgsqld-clone") == 100
    (tmp_path / "100" / "environ").write_bytes(b"LANG=C\0")
    assert paf_notify.find(str(tmp_path), "pgsqld-clone") == 100


def test_the_clone_that_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(paf_notify, "find", lambda *words: asked.append(words))
    paf_notify.await_notify()
    paf_notify.await_notify("other-clone")
    assert asked == [("/proc", "pgsqld-clone"), ("/proc", "other-clone")]


@pytest.fixture
def notify() -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends when its input does."""
    command = [sys.executable, "-IS", "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as running:
        yield running
        running.kill()


def test_waits_for_its_end(
    notify: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paf_notify, "find", lambda *_: notify.pid)
    assert notify.stdin
    notify.stdin.close()
    assert paf_notify.await_notify(longest=60)
    assert notify.wait() == 0, "it has ended by then"


def test_but_not_for_long(notify: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paf_notify, "find", lambda *_: notify.pid)
    assert paf_notify.await_notify(longest=0.05)
    assert notify.poll() is None, "it runs on"


def test_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paf_notify, "find", lambda *_: None)
    assert not paf_notify.await_notify()


def test_it_has_ended_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    monkeypatch.setattr(paf_notify, "find", lambda *_: ended.pid)
    assert not paf_notify.await_notify()


def test_a_kernel_or_a_python_without_pidfd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paf_notify, "find", lambda *_: 1)
    monkeypatch.delattr("os.pidfd_open")
    assert not paf_notify.await_notify()
