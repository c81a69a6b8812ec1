"""Hygiene is a test like any other."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import LIB

REPO = LIB.parent
SCRIPTS = sorted([*REPO.glob("pcs-scripts/*.sh"), *REPO.glob("provision/*.sh"), REPO / ".ci/run"])


@pytest.mark.parametrize(
    "words",
    [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)],
    ids=lambda words: "-".join(words),
)
def test_python(words: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", *words], cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_shell() -> None:
    assert len(SCRIPTS) > 10
    assert shutil.which("shellcheck"), "tests/packages.txt names it"
    done = subprocess.run(
        ["shellcheck", "-x", *map(str, SCRIPTS)], cwd=REPO, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_scripts_stop_at_the_first_error() -> None:
    for script in SCRIPTS:
        if script.name != "settings.sh":
            assert "set -euo pipefail" in script.read_text(), script.name


def test_no_module_is_long() -> None:
    for path in [*REPO.glob("lib/**/*.py"), *REPO.glob("lab/**/*.py")]:
        assert len(Path(path).read_text().splitlines()) <= 300, path
