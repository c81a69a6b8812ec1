"""Which processes are HAProxy's, and how they end."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from paf_haproxy import process, supervisor
from paf_haproxy.params import Params, parse
from paf_haproxy.render import config_path

from tests.tools.waiting import eventually


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return parse({"statedir": str(tmp_path)})


@pytest.fixture
def sleeper(params: Params) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has HAProxy's arguments, in a group of its own."""
    words = ["bash", "-c", "sleep 60 & wait", "haproxy", "-f", config_path(params)]
    running = subprocess.Popen(words, start_new_session=True)
    Path(process.pid_path(params)).write_text(f"{running.pid}\n")
    yield running
    running.kill()
    running.wait()


def test_who_is_the_master(params: Params, sleeper: subprocess.Popen[bytes]) -> None:
    assert process.leader(params) == sleeper.pid
    assert process.command(params)[0] == "bash"


@pytest.mark.parametrize(("mode", "has"), [("-D", False), ("-W", True), ("-Ws", True)])
def test_the_command_line_tells_whether_there_is_a_master(
    params: Params, mode: str, has: bool
) -> None:
    """The socket does not: an earlier version, installed again, leaves it behind."""
    Path(params.statedir, "master.sock").touch()
    words = ["bash", "-c", "sleep 60 & wait", "haproxy", mode, "-f", config_path(params)]
    with subprocess.Popen(words, start_new_session=True) as running:
        Path(process.pid_path(params)).write_text(f"{running.pid}\n")
        assert process.has_master(params) is has
        running.kill()
    assert not process.has_master(params)


def test_a_pid_that_is_another_programs_now(
    params: Params, sleeper: subprocess.Popen[bytes]
) -> None:
    """Nothing is killed for having a pid, or for having our arguments without being named."""
    Path(process.pid_path(params)).write_text(f"{os.getpid()}\n")
    assert process.leader(params) is None
    process.stop(params, 5)
    assert sleeper.poll() is None


@pytest.mark.parametrize("text", ["", "x\n", "1\n", "0\n", "-1\n", "99999999\n"])
def test_a_pid_file_that_names_no_master(params: Params, text: str) -> None:
    Path(process.pid_path(params)).write_text(text)
    assert process.leader(params) is None


def test_an_end_needs_no_other_program(
    params: Params,
    sleeper: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """HAProxy and its workers end although there is no memory for systemctl."""
    monkeypatch.setattr(supervisor, "RUNNING", str(tmp_path))

    def out_of_memory(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(subprocess, "Popen", out_of_memory)
    eventually(lambda: len(process.members(sleeper.pid)) == 2, "it has a worker")
    pids = process.members(sleeper.pid)
    process.stop(params, 5)
    assert not any(map(process.alive, pids))
