"""Hygiene is a test like any other."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import LIB

REPO = LIB.parent
SCRIPTS = sorted([*REPO.glob("pcs-scripts/*.sh"), *REPO.glob("provision/*.sh"), REPO / ".ci/run"])
MOST_BY_POSITION = 8
STAND_INS = sorted(REPO.glob("tests/tools/pacemaker/*"))


@pytest.mark.parametrize(
    "words",
    [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",), ("mypy", "agents/haproxy")],
    ids=lambda words: "-".join(words),
)
def test_python(words: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", *words], cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_shell() -> None:
    assert len(SCRIPTS) > 10
    assert shutil.which("shellcheck"), "tests/packages.txt names it"
    done = subprocess.run(
        ["shellcheck", "-x", *map(str, SCRIPTS + STAND_INS)],
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted(REPO.glob("haproxy/*.lua")), ids=lambda path: path.name)
def test_lua(path: Path) -> None:
    done = subprocess.run(["luac5.3", "-p", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_scripts_stop_at_the_first_error() -> None:
    for script in SCRIPTS:
        if script.name not in ("settings.sh", "adopt.sh"):  # parts of others
            assert "set -euo pipefail" in script.read_text(), script.name


def test_no_module_is_long() -> None:
    for path in [*REPO.glob("lib/**/*.py"), *REPO.glob("paf_lab/**/*.py")]:
        assert len(Path(path).read_text().splitlines()) <= 300, path


def test_a_record_of_many_fields_takes_them_by_name() -> None:
    """Values that are exchanged between two fields of one type are found by no type checker."""
    many = {}
    for path in REPO.glob("paf_lab/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                fields = sum(isinstance(each, ast.AnnAssign) for each in node.body)
                decorators = " ".join(map(ast.unparse, node.decorator_list))
                if decorators.startswith("dataclass") and fields > MOST_BY_POSITION:
                    many[f"{path.name}: {node.name}"] = "kw_only=True" in decorators
    assert many and all(many.values()), many


def test_no_call_has_many_positional_arguments() -> None:
    for path in REPO.glob("paf_lab/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and re.match(r"_?[A-Z]", ast.unparse(node.func)):
                assert len(node.args) <= MOST_BY_POSITION, f"{path}:{node.lineno}"
