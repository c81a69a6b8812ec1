"""The Python package, installed into an environment of its own: not only from a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paf_haproxy import __version__

from paf_lab.drill.faults import DRILLS
from paf_lab.layout import REPO


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=cwd, env=os.environ | {"COLUMNS": "80"}, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of the environment. What git tracks is installed, as it is now."""
    place = tmp_path_factory.mktemp("packaging")
    files = run("git", "ls-files", "-z", "lib", "paf_lab", "pyproject.toml", "README.md", cwd=REPO)
    tree = place / "tree"
    for name in files.stdout.split("\0")[:-1]:
        if (REPO / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((REPO / name).read_bytes())
    subprocess.run([sys.executable, "-m", "venv", place / "env"], check=True)
    done = run(place / "env" / "bin" / "pip", "install", "-q", f"{tree}[lab]", cwd=place)
    assert done.returncode == 0, done.stderr
    return place / "env" / "bin"


def test_the_lab_is_whole(installed: Path) -> None:
    done = run(installed / "lab", "drill", "--list", cwd=installed)
    assert done.returncode == 0, done.stderr
    listed = [line.split()[0] for line in done.stdout.splitlines() if line[:1].strip()]
    assert {drill.name for drill in DRILLS} <= set(listed)


def test_all_that_the_lab_reads_is_in_its_package(installed: Path) -> None:
    (packages,) = installed.parent.glob("lib/python3*/site-packages")
    tracked = run("git", "ls-files", "paf_lab", cwd=REPO).stdout.split()
    names = [name for name in tracked if (REPO / name).exists()]
    assert len(names) > 100
    assert [name for name in names if not (packages / name).exists()] == []


def test_the_version_is_that_of_the_agent(installed: Path) -> None:
    shown = run(installed / "pip", "show", "paf-haproxy", cwd=installed).stdout
    assert f"Version: {__version__}\n" in shown


def test_what_to_do_without_a_source_tree(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a lab of its own name: the usual one may be at work."""
    monkeypatch.setenv("PAF_LAB", "packaged")
    done = run(installed / "lab", "up", cwd=installed)
    for place in ("/run", "/var/lib", "/var/cache"):
        shutil.rmtree(f"{place}/packaged-lab", ignore_errors=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("lab: no source tree of paf-haproxy here")
