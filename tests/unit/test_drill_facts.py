"""What a node says of itself, by the script that is run there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab.drill import facts
from paf_lab.drill.records import Facts
from paf_lab.drill.settings import Settings
from paf_lab.errors import LabError


def test_the_script_prints_a_line_for_each_program(tmp_path: Path) -> None:
    (tmp_path / "haproxy.pid").write_text("1\n")
    (tmp_path / "postmaster.pid").write_text("4242\n/data\n")
    files = (str(tmp_path / "haproxy.pid"), str(tmp_path / "postmaster.pid"))
    words = ["sh", "-c", facts.SCRIPT, "sh", *files, *facts.PROGRAMS]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert len(done.stdout.splitlines()) == 4 + len(facts.PROGRAMS)
    found = facts.parse(done.stdout)
    assert found.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert found.processes[facts.HAPROXY] == {1}
    assert found.processes[facts.POSTGRES] == {4242}


def test_programs_that_do_not_run(tmp_path: Path) -> None:
    words = ["sh", "-c", facts.SCRIPT, "sh", str(tmp_path / "a"), str(tmp_path / "b"), "no-such"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    found = facts.parse(done.stdout)
    assert not any(found.processes.values()) and found.boot


def test_parse() -> None:
    text = "boot\n12\n13 14\n15\n16\n17\n"
    found = facts.parse(text)
    assert found.boot == "boot" and found.processes[facts.WORKER] == {13, 14}
    assert found.processes[facts.COROSYNC] == {16} and found.processes[facts.PACEMAKER] == {17}
    assert facts.parse("") == Facts()


@pytest.mark.parametrize(("running", "lost"), [(False, False), (True, True)])
def test_a_node_that_is_off_says_nothing(running: bool, lost: bool) -> None:
    def run(*argv: str) -> Any:
        raise LabError("srv1 does not run") if lost else AssertionError("asked")

    node = SimpleNamespace(running=running, run=run)
    stage: Any = SimpleNamespace(nodes={"srv1": node}, settings=Settings())
    assert facts.gather(stage) == {"srv1": Facts()}
