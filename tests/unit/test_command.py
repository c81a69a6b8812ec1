"""Programs that run beside the agent. test_tools.py has those that it waits for at once."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from paf_haproxy.command import CommandError, Program, run
from paf_haproxy.ocf import AgentError

from tests.tools.waiting import eventually


def test_a_failure_that_is_expected() -> None:
    assert run(["sh", "-c", "echo out; echo err >&2; exit 3"], fails=True) == "out\n"


def test_the_environment() -> None:
    assert run(["/bin/sh", "-c", "echo $A$HOME"], environment={"A": "1"}) == "1\n"


def test_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=f"cannot run {tmp_path}: "):
        run([str(tmp_path)])


def test_a_program_runs_beside_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "begun"
    with Program(["sh", "-c", f"touch {path}; echo done"], 30) as program:
        eventually(path.exists, "it has begun before it is waited for")
        assert program.output() == "done\n"


def test_its_time_counts_from_its_start() -> None:
    with Program(["sleep", "60"], 1.0) as program:
        time.sleep(1.1)
        began = time.monotonic()
        with pytest.raises(CommandError, match="no end within"):
            program.output()
        assert time.monotonic() - began < 0.8


def test_it_is_killed_if_it_is_not_needed(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with Program(["sh", "-c", f"echo $$ >{path}.new; mv {path}.new {path}; exec sleep 60"], 60):
        eventually(path.exists, "it has begun")
    with pytest.raises(ProcessLookupError):
        os.kill(int(path.read_text()), 0)


def test_an_error_kills_it_too() -> None:
    began = time.monotonic()
    with pytest.raises(ValueError, match="of the caller"), Program(["sleep", "60"], 60):
        raise ValueError("of the caller")
    assert time.monotonic() - began < 10


def test_a_child_that_goes_on_is_not_waited_for() -> None:
    """crm_resource is killed, and PAF's monitor, which it has started, holds its pipe."""
    began = time.monotonic()
    with Program(["sh", "-c", "sleep 30 & wait"], 60):
        time.sleep(0.2)
    assert time.monotonic() - began < 10


def test_no_memory_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(AgentError, match="cannot run true: Cannot allocate memory"):
        run(["true"])
