"""The clients of a soak write what the oracle reads, whatever becomes of their sessions."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from paf_lab.drill.programs import CLIENTS
from paf_lab.drill.settings import Settings
from paf_lab.soak import attendance, history
from paf_lab.soak.attendance import EVERY, Attendance
from paf_lab.soak.history import (
    ACK,
    FAILED,
    LIFE,
    READ,
    READ_ONLY,
    REFUSED,
    UNKNOWN,
    WRITE,
    Operation,
)

COUNTERS = ["srv1/writer", "srv2/writer"]

# Every second statement fails, in a way of its own; every fifth connection is refused.
PSYCOPG2 = """import itertools
class Error(Exception):
    pgcode = None
ways = itertools.cycle([None, "25006", None, "57P01", None, "23505", None, ""])
attempts = itertools.count(1)
class Connection:
    closed = 0
    def cursor(self): return self
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def close(self): self.closed = 1
    def execute(self, text, values):
        self.text, self.values = text, values
        way = next(ways)
        if way is not None:
            error = Error("line 1\\nline 2")
            error.pgcode = way or None
            raise error
    def fetchone(self):
        assert "soak.writes" in self.text and self.values[0] == 3
        if "INSERT" in self.text:
            return "10.0.0.1", False, 2, 4096
        return "10.0.0.1", False, 11
def connect(**options):
    assert options["user"] == "app" and options["port"] in (5432, 5433)
    if next(attempts) % 5 == 0:
        raise Error("refused")
    return Connection()
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Operation, ...]:
    """Returns what the clients of a node have told, against a server that fails in each way."""
    place = tmp_path_factory.mktemp("soak")
    (place / "psycopg2.py").write_text(PSYCOPG2)
    given = attendance.settings(Settings(), "srv2", 3, COUNTERS)
    given |= {"first": LIFE + 1, "every": dict.fromkeys(EVERY, 0.01)}
    source = (CLIENTS / "soak.py").read_text()
    with (place / "srv2.soak.jsonl").open("w") as out:
        program = subprocess.Popen(
            [sys.executable, "-c", source], stdin=subprocess.PIPE, text=True, stdout=out, cwd=place
        )
        assert program.stdin is not None
        program.stdin.write(json.dumps(given) + "\n")
        program.stdin.flush()
        end = time.monotonic() + 60
        while len(history.read(place)) < 100 and time.monotonic() < end:
            time.sleep(0.2)
        program.stdin.close()  # it ends then
        assert program.wait(60) == 0
    return history.read(place)


def test_what_a_client_is_told_becomes_an_operation(told: tuple[Operation, ...]) -> None:
    each = next(each for each in told if each.outcome == ACK and each.kind == WRITE)
    assert (each.server, each.recovery, each.timeline, each.lsn) == ("10.0.0.1", False, 2, 4096)
    assert each.client.startswith("srv2/") and each.sequence > LIFE and each.session > 0
    assert each.start <= each.end
    read = next(each for each in told if each.outcome == ACK and each.kind == READ)
    assert read.counter in COUNTERS and read.value == 11


def test_every_kind_of_client_works(told: tuple[Operation, ...]) -> None:
    assert {each.client for each in told} == {f"srv2/{kind}" for kind in EVERY}
    assert {each.counter for each in told if each.kind == READ} == set(COUNTERS)
    for client in {each.client for each in told}:
        sequences = [each.sequence for each in told if each.client == client]
        assert sequences == sorted(set(sequences)), "each is told once, in order"


def test_each_way_to_fail_is_told_apart(told: tuple[Operation, ...]) -> None:
    outcomes = {each.outcome for each in told if each.kind == WRITE}
    assert outcomes == {ACK, READ_ONLY, UNKNOWN, FAILED, REFUSED}
    assert {each.error for each in told if each.outcome != ACK} == {"line 1", "refused"}


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "srv1.soak.jsonl"
    line = json.dumps({"kind": WRITE, "client": "srv1/writer", "session": 1, "sequence": 5,
                       "start": 1.0, "end": 2.0, "outcome": ACK, "value": 7})  # fmt: skip
    file.write_text(f"{line}\n{line[:30]}\n[1]\n\n")
    assert [each.sequence for each in history.read(tmp_path)] == [5]


def test_clients_without_an_answer_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [SimpleNamespace(name="srv1"), SimpleNamespace(name="srv2")]
    made = Attendance(nodes, Settings(), 1, tmp_path)
    found = [
        Operation(
            kind=WRITE,
            client=client,
            session=1,
            sequence=1,
            start=start,
            end=start + 1,
            outcome=outcome,
            value=0,
        )
        for client, start, outcome in (
            *((client, 5.0, ACK) for client in sorted(made.clients)[2:]),
            (sorted(made.clients)[0], 5.0, UNKNOWN),
            (sorted(made.clients)[1], 3.0, ACK),
        )
    ]
    monkeypatch.setattr(history, "read", lambda _: tuple(found))
    assert made.unserved(4.0) == "srv1/connecting, srv1/reader"
    assert made.unserved(2.0) == "srv1/connecting"
