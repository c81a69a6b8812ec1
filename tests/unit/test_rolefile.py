"""The role file: written whole or not at all, believed only if it is what it should be."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paf_haproxy import rolefile
from paf_haproxy.ocf import ERR_GENERIC, AgentError
from paf_haproxy.rolefile import Role
from paf_haproxy.view import ClusterView

GOOD = (
    "version=2\nprimary=srv1\ncandidate=\nleaving=\ndrained=\ninstance=promoted\n"
    "notified=0\nrepaired=0\nevent=x\ntime=1\n"
)

node_names = st.text("abcsrv0123456789.-_=", min_size=1, max_size=12)
views = st.builds(ClusterView, st.none() | node_names, st.none() | node_names, st.sets(node_names))


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    old = os.umask(0o022)
    yield os.umask
    os.umask(old)


def refusal(directory: Path) -> str:
    with pytest.raises(AgentError) as caught:
        rolefile.load(str(directory))
    assert caught.value.code == ERR_GENERIC
    assert f"{directory}/role" in caught.value.reason
    return caught.value.reason


@given(
    views,
    st.booleans(),
    st.sampled_from(["pre-demote", "start", ""]),
    st.sets(node_names),
    st.tuples(st.integers(0, 10**15 - 1), st.integers(0, 10**15 - 1)),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    view: ClusterView,
    promoted: bool,
    event: str,
    drained: set[str],
    counts: tuple[int, int],
) -> None:
    directory = str(tmp_path_factory.mktemp("state"))
    rolefile.save(directory, Role(view, promoted, event, drained, *counts))
    role = rolefile.load(directory)
    assert role
    assert (role.view, role.promoted, role.event) == (view, promoted, event)
    assert role.drained == drained and (role.notified, role.repaired) == counts
    assert [path.name for path in Path(directory).iterdir()] == ["role"], (
        "nothing is left beside it"
    )


def test_no_file(tmp_path: Path) -> None:
    assert rolefile.load(str(tmp_path)) is None
    assert rolefile.load(str(tmp_path / "none")) is None


def test_it_can_be_read_by_people_and_shells(tmp_path: Path) -> None:
    role = Role(ClusterView("srv1", "srv2"), True, "pre-promote", ["srv3"], 7, 2)
    rolefile.save(str(tmp_path), role)
    lines = (tmp_path / "role").read_text().splitlines()
    assert lines[:-1] == [
        "version=2",
        "primary=srv1",
        "candidate=srv2",
        "leaving=srv1",
        "drained=srv3",
        "instance=promoted",
        "notified=7",
        "repaired=2",
        "event=pre-promote",
    ]
    assert lines[-1].startswith("time=") and lines[-1][5:].isdecimal()


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_everyone_reads_and_root_writes(
    tmp_path: Path, umask: Callable[[int], int], mask: int
) -> None:
    umask(mask)
    rolefile.save(str(tmp_path), Role(ClusterView("srv1")))
    assert (tmp_path / "role").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "junk",
        "primary=srv1\ntime=1\n",
        "version=2\nprimary=srv1\ntime=1\n",
        "version=\nprimary=srv1\ntime=1\n",
        "\x00" * 100,
        "version=2\nprimary=srv1",
        GOOD.replace("leaving=", "leaving=\x1b[2J"),
        GOOD.replace("instance=promoted", "instance="),
        GOOD.replace("candidate=", "candidate=srv1"),
        GOOD.replace("event=x", "event=x\nprimary=srv2"),
        GOOD + "more=1\n",
        GOOD + "\n",
        GOOD.replace("primary=srv1", "primary=srv1 srv2"),
        GOOD.replace("candidate=", "candidate=\x1b[2J"),
        GOOD.replace("time=1", "time="),
        GOOD.replace("time=1", "time=soon"),
    ],
)
def test_junk_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "role").write_text(text)
    refusal(tmp_path)


@given(st.binary(max_size=300))
def test_any_junk_is_refused(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    directory = tmp_path_factory.mktemp("state")
    (directory / "role").write_bytes(junk)
    refusal(directory)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "role"
    path.write_text(GOOD)
    assert rolefile.load(str(tmp_path)) is not None
    for length in range(len(GOOD)):
        path.write_text(GOOD[:length])
        refusal(tmp_path)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "role").write_text(GOOD + "# and more\n" * 1000)
    refusal(tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "role"
    path.mkdir()
    assert "only root can write to" in refusal(tmp_path)
    path.rmdir()
    os.mkfifo(path)
    assert "only root can write to" in refusal(tmp_path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text(GOOD)
    (tmp_path / "role").symlink_to(target)
    assert "cannot read the role file" in refusal(tmp_path)
    rolefile.save(str(tmp_path), Role(ClusterView("srv2")))
    assert target.read_text() == GOOD, "the link was replaced, not followed"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_file_that_somebody_else_could_have_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "role"
    path.write_text(GOOD)
    os.chown(path, 65534, 0)
    assert "only root can write to" in refusal(tmp_path)
    os.chown(path, 0, 0)
    path.chmod(0o666)
    assert "only root can write to" in refusal(tmp_path)
    path.chmod(0o644)
    assert rolefile.load(str(tmp_path)) is not None


def test_what_a_killed_action_left_is_no_obstacle(tmp_path: Path) -> None:
    """Its process number comes again one day."""
    (tmp_path / f"role.{os.getpid()}").write_text("half of it")
    rolefile.save(str(tmp_path), Role(ClusterView("srv1")))
    role = rolefile.load(str(tmp_path))
    assert role and role.view == ClusterView("srv1")


def test_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"cannot write the role file .*: No such file"):
        rolefile.save(str(tmp_path / "none"), Role(ClusterView("srv1")))


def test_a_reader_never_sees_half(tmp_path: Path) -> None:
    directory = str(tmp_path)
    views = [ClusterView("a" * 60), ClusterView("b" * 60, "c" * 60)]
    rolefile.save(directory, Role(views[0]))
    done = threading.Event()
    failures: list[Exception] = []
    seen: set[ClusterView] = set()

    def read() -> None:
        while not done.is_set():
            try:
                role = rolefile.load(directory)
                assert role, "there is a moment without a file"
                seen.add(role.view)
            except Exception as error:
                failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(500):
        rolefile.save(directory, Role(views[number % 2]))
    done.set()
    reader.join()
    assert not failures
    assert seen <= set(views) and seen


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two pages: one for the role file, one for whatever else."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_a_full_disk_is_no_reason_to_forget(full_disk: Path) -> None:
    directory = str(full_disk)
    rolefile.save(directory, Role(ClusterView("srv1", "srv2", ["srv1"]), True, "pre-promote"))
    (full_disk / "fill").write_bytes(b"x" * 4096)
    rolefile.save(directory, Role(ClusterView("srv2"), False, "post-promote"))
    role = rolefile.load(directory)
    assert role
    assert (role.view, role.promoted, role.event) == (ClusterView("srv2"), False, "post-promote")
    assert sorted(path.name for path in full_disk.iterdir()) == ["fill", "role"]


def test_a_full_disk_without_a_role_file(full_disk: Path) -> None:
    (full_disk / "fill").write_bytes(b"x" * 8192)
    with pytest.raises(AgentError, match=r"cannot write the role file .*: No (space|such file)"):
        rolefile.save(str(full_disk), Role(ClusterView("srv1")))
    assert [path.name for path in full_disk.iterdir()] == ["fill"]
