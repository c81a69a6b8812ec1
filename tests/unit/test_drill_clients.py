"""The programs that run inside the nodes in the new drills, run here with what they talk to
replaced.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paf_lab.drill.programs import CLIENTS

JOURNAL = """#!{python}
import json, time
for text in ("monitor: x", "pre-demote: primary srv1, leaving srv1", "pre-demote: again"):
    time.sleep(0.05)
    stamp = str(int(time.time() * 1e6))
    print(json.dumps(dict(MESSAGE=text, _SOURCE_REALTIME_TIMESTAMP=stamp)), flush=True)
time.sleep(20)
"""
PSYCOPG2 = """
import os, socket
class Error(Exception): pass
class OperationalError(Error): pass
BEHAVIOUR = os.environ["BEHAVIOUR"]
OPENED = []
class Cursor:
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def execute(self, question):
        if BEHAVIOUR == "dies" and len(OPENED) > 1: raise OperationalError("gone\\nmore")
    def fetchone(self):
        return (1,) if BEHAVIOUR in ("keeps", "dies") else (BEHAVIOUR == "standby",)
class Connection:
    def __init__(self):
        self.pair = socket.socketpair()
        self.states = [1, 0, 1, 0] if BEHAVIOUR != "silent" else []
        self.pair[1].send(b"x" * 9)
        OPENED.append(self)
    def fileno(self): return self.pair[0].fileno()
    def poll(self):
        if BEHAVIOUR == "refuses": raise OperationalError("too many clients\\nmore")
        return self.states.pop(0) if self.states else 1
    def cursor(self): return Cursor()
    def close(self): self.pair[0].close(); self.pair[1].close()
def connect(**words):
    if BEHAVIOUR == "closed" or (BEHAVIOUR == "keeps" and len(OPENED) > 1):
        raise OperationalError("refused\\nmore")
    return Connection()
"""
EXTENSIONS = "POLL_OK, POLL_READ, POLL_WRITE = 0, 1, 2\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a journalctl and a psycopg2."""
    program = tmp_path / "journalctl"
    program.write_text(JOURNAL.format(python=sys.executable))
    program.chmod(0o755)
    (tmp_path / "psycopg2").mkdir()
    (tmp_path / "psycopg2" / "__init__.py").write_text(PSYCOPG2)
    (tmp_path / "psycopg2" / "extensions.py").write_text(EXTENSIONS)
    return tmp_path


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "31.0417"]) as process:
        yield process
        process.kill()


def told(place: Path, file: str, lines: list[Any], behaviour: str = "") -> list[Any]:
    """Returns what a program prints, line by line."""
    path = f"{place}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(place), "BEHAVIOUR": behaviour}
    text = "".join(each if isinstance(each, str) else json.dumps(each) + "\n" for each in lines)
    words = [sys.executable, str(CLIENTS / file)]
    done = subprocess.run(
        words, input=text, capture_output=True, text=True, timeout=30, env=environment
    )
    assert not done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def blow(**more: Any) -> dict[str, Any]:
    settings = {"notified": "pre-demote: ", "offset": 0.2, "pid": None, "pattern": "nobody-at-all",
                "patience": 0.1, "seconds": 10}  # fmt: skip
    return {**settings, **more}


@pytest.mark.parametrize("by", ["pid", "pattern"])
def test_a_kill_at_a_moment(place: Path, victim: Any, by: str) -> None:
    how = {"pid": victim.pid} if by == "pid" else {"pattern": "sleep 31.0417"}
    (found,) = told(place, "strike.py", [blow(**how)])
    assert 0.2 <= found["struck"] - found["notified"] < 2 and found["pid"] == victim.pid
    assert victim.wait(5) == -9


def test_nothing_to_kill(place: Path) -> None:
    (found,) = told(place, "strike.py", [blow()])
    assert found["struck"] is None and found["pid"] is None
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    (found,) = told(place, "strike.py", [blow(pid=ended.pid)])
    assert found["struck"] is None, "the process had ended"


def test_a_notification_that_does_not_come(place: Path) -> None:
    began = time.monotonic()
    assert told(place, "strike.py", [blow(notified="post-promote: ", seconds=0.5)]) == []
    assert time.monotonic() - began < 10


STORM = {"connect": {"host": "127.0.0.1"}, "count": 5, "seconds": 1}


@pytest.mark.parametrize(
    ("behaviour", "outcome", "error"),
    [
        ("primary", "answered", ""),
        ("standby", "misrouted", ""),
        ("refuses", "failed", "too many clients"),
        ("closed", "failed", "refused"),
        ("silent", "failed", "no answer when the storm ended"),
    ],
)
def test_a_storm_of_connections(place: Path, behaviour: str, outcome: str, error: str) -> None:
    (found,) = told(place, "storm.py", [STORM, "go\n"], behaviour)
    assert found["opened"] == found[outcome] == 5
    assert sum(found[name] for name in ("answered", "misrouted", "failed")) == 5
    assert found["errors"] == ([error] * 3 if error else [])
    if behaviour in ("primary", "standby", "silent"):
        assert found["waiting"] == 5


def test_a_storm_that_was_not_let_loose(place: Path) -> None:
    assert told(place, "storm.py", [STORM], "primary") == []


def test_sessions_that_stay(place: Path) -> None:
    found = told(place, "hold.py", [{"connect": {}}, "\n", "\n", "\n"], "keeps")
    assert [each["sessions"] for each in found] == [1, 2, 2]
    assert [each["alive"] for each in found] == [1, 2, 2]
    assert [each["error"] for each in found] == ["", "", "refused"]


def test_sessions_that_are_lost(place: Path) -> None:
    found = told(place, "hold.py", [{"connect": {}}, "\n", "\n"], "dies")
    assert [each["alive"] for each in found] == [1, 0]
