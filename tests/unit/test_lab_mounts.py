"""The mount namespace of a lab whose systemd needs cgroup v2."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from paf_lab import mounts

V1 = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
V2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n"


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The commands that would be executed in the namespace."""
    found: list[list[str]] = []

    def execute(_: str, command: list[str], environment: dict[str, str]) -> None:
        assert environment[mounts.INSIDE]
        found.append(command)

    text = {"mounts": V1}
    monkeypatch.setattr(Path, "read_text", lambda _: text["mounts"])
    monkeypatch.setattr(os, "execvpe", execute)
    monkeypatch.setattr(mounts, "SUITE", "forky")
    monkeypatch.setattr(mounts, "_make", lambda: None)
    monkeypatch.setattr(sys, "argv", ["lab", "status"])
    monkeypatch.delenv(mounts.INSIDE, raising=False)
    return found


def test_what_is_unified() -> None:
    assert mounts.unified(V2) and not mounts.unified(V1)


def test_a_command_goes_on_in_the_namespace(entered: list[list[str]]) -> None:
    mounts.enter()
    (command,) = entered
    assert command[0] == "nsenter" and command[-3:] == ["-m", "paf_lab", "status"]


@pytest.mark.parametrize("what", ["suite", "inside", "unified"])
def test_it_stays_where_it_is(
    what: str, entered: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: dict[str, Any] = {
        "suite": lambda: monkeypatch.setattr(mounts, "SUITE", "bookworm"),
        "inside": lambda: monkeypatch.setenv(mounts.INSIDE, "yes"),
        "unified": lambda: monkeypatch.setattr(Path, "read_text", lambda _: V2),
    }
    changes[what]()
    mounts.enter()
    assert entered == []
