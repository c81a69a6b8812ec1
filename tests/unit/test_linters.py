"""The linters are tests like any other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import ROOT

BIN = Path(sys.executable).parent  # of .venv
CODE = ("lib", "lab", "tests", "agents/haproxy")


def tracked(*patterns: str) -> list[str]:
    """Returns the files of this tree that match, without those of .venv and the caches."""
    return sorted(
        str(path.relative_to(ROOT))
        for pattern in patterns
        for path in ROOT.rglob(pattern)
        if not any(part.startswith(".") and part != ".ci" for part in path.relative_to(ROOT).parts)
    )


def shell_scripts() -> list[str]:
    """Returns every shell script, also those whose names do not say so."""
    found = []
    for name in tracked("*"):
        path = ROOT / name
        if path.is_file() and path.suffix in ("", ".sh"):
            with path.open("rb") as file:
                first = file.readline()
            if first.startswith(b"#!") and first.split(b"/")[-1].split()[-1] in (b"sh", b"bash"):
                found.append(name)
    return found


def lint(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff() -> None:
    lint(str(BIN / "ruff"), "check")


def test_format() -> None:
    lint(str(BIN / "ruff"), "format", "--check")


def test_types() -> None:
    lint(str(BIN / "mypy"), *CODE)


def test_shell() -> None:
    scripts = shell_scripts()
    assert ".ci/run" in scripts and "provision/install-agent.sh" in scripts
    lint("shellcheck", "-x", *scripts)


@pytest.mark.parametrize("name", tracked("*.lua"))
def test_lua(name: str) -> None:
    lint("luac5.3", "-p", name)


def test_a_linter_can_fail(tmp_path: Path) -> None:
    script = tmp_path / "x.sh"
    script.write_text("#!/bin/sh\nrm $1/*\n")
    with pytest.raises(AssertionError, match="SC2086"):
        lint("shellcheck", str(script))


def test_nothing_has_a_trailing_space_or_a_tab() -> None:
    for name in tracked("*.py", "*.sh", "*.lua", "*.j2", "*.md", "*.toml"):
        for number, line in enumerate((ROOT / name).read_text().splitlines(), start=1):
            assert line == line.rstrip(), f"{name}:{number}: trailing space"
            assert "\t" not in line, f"{name}:{number}: tab"
