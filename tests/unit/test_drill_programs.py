"""A program of a drill may die with its node at any moment; the drill goes on."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, cast

from paf_lab.drill.programs import Program
from paf_lab.machine import Machine


class Dying:
    """A node that goes down while a program is started in it."""

    name = "srv1"

    def popen(self, *argv: str, user: str | None = None, **options: Any) -> subprocess.Popen[str]:
        command = ["sh", "-c", "echo no such namespace >&2; exit 3"]
        process = subprocess.Popen(command, text=True, **options)
        process.wait()
        return process


def test_a_node_that_goes_down_while_a_program_starts(tmp_path: Path) -> None:
    program = Program(cast(Machine, Dying()), "clients", ["true"], tmp_path, {"every": 1})
    for _ in range(2):
        program.start()
        assert program.ended() == "srv1.clients ended with 3: no such namespace"
        program.ask_to_end()
        program.wait(10)
        assert not list(program.new())
