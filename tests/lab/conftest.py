"""One lab for all tests that need it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from paf_lab.layout import REPO

LAB = str(REPO / ".venv/bin/lab")


def lab(*words: str, timeout: float = 600, check: bool = True) -> str:
    """Runs a command of the lab and returns all that it says."""
    done = subprocess.run([LAB, *words], capture_output=True, text=True, timeout=timeout)
    assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="session", autouse=True)
def cluster() -> Iterator[None]:
    lab("down")  # whatever somebody left there, of whatever topology
    lab("up", timeout=900)
    yield
    lab("down")
