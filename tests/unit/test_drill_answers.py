"""Answers to questions for the role: told by time, and compared with the role at that time."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paf_lab.drill import answers
from paf_lab.drill.answers import GRACE, Answer
from paf_lab.drill.audits import Evidence
from paf_lab.drill.faults.flood import Flood
from tests.unit.drill_world import ADDRESSES, OUT_OF_RECOVERY, SETTLED, STARTED, good
from tests.unit.sightings_world import calm, moved, readied

REPO = Path(__file__).resolve().parents[2]
PORTS = ("production", 5431), ("200", 8008)


def untrue(node: str, text: str, at: float, world: Evidence | None = None) -> int:
    """Returns how many of two answers of a node at a moment were not true; the other one was."""
    fine = Answer("srv3", 5431, "standby", at, at, 5)
    told = (Answer(node, 5431, text, at, at + 0.1, 1), fine)
    found = answers.true_roles(world or good(), told)
    assert found.value.endswith(" of 6")
    return int(found.value.split()[0])


@pytest.mark.parametrize("text", ["production", "200"])
def test_only_the_primary_may_say_so(text: str) -> None:
    assert untrue("srv1", text, STARTED) == untrue("srv2", text, OUT_OF_RECOVERY) == 0
    assert untrue("srv3", text, STARTED) == untrue("srv2", text, STARTED) == 1


def test_the_old_primary_may_say_so_until_there_is_another() -> None:
    assert untrue("srv1", "production", OUT_OF_RECOVERY + GRACE - 0.1) == 0
    assert untrue("srv1", "production", OUT_OF_RECOVERY + GRACE + 0.1) == 1


@pytest.mark.parametrize("text", ["standby", "down", "503"])
def test_a_primary_at_rest_says_nothing_else(text: str) -> None:
    assert untrue("srv1", text, STARTED - 1.5) == 1
    assert untrue("srv2", text, SETTLED + 1.5) == 1
    assert untrue("srv1", text, STARTED + 0.5) == 0
    assert untrue("srv3", text, STARTED - 1.5) == 0


def test_nothing_was_answered() -> None:
    assert not answers.true_roles(good(), ()).passed


def test_each_node_must_have_answered_meanwhile() -> None:
    drill = readied(Flood())
    assert isinstance(drill, Flood)
    told = tuple(Answer(n, 5431, "standby", STARTED, STARTED + 0.5, 9) for n in ADDRESSES)
    drill._answers = told
    assert drill.fault(moved(calm())).passed
    assert not drill.fault(calm()).passed
    drill._answers = told[:2]
    assert not drill.fault(moved(calm())).passed
    drill._answers = tuple(replace(each, ended=STARTED - 1) for each in told)
    assert not drill.fault(moved(calm())).passed


@pytest.fixture
def port() -> Iterator[int]:
    """A port that says 'standby' to each client."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.sendall(b"standby\n")

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_the_flood_tells_when_it_was_answered_what(port: int) -> None:
    targets = [["127.0.0.1", port, False]]
    settings = {"targets": targets, "rate": 100, "seconds": 0.5, "processes": 2}
    source = (REPO / "paf_lab" / "clients" / "flood.py").read_text()
    words = [sys.executable, "-c", source]
    text = json.dumps(settings) + "\n"
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60, check=True)
    told = json.loads(done.stdout)
    rows = [answers.read(row, {"127.0.0.1": "srv1"}) for row in told["answers"]]
    assert {(each.node, each.port, each.text) for each in rows} == {("srv1", port, "standby")}
    assert sum(each.number for each in rows) == told["right"] > 0
    assert all(each.began <= each.ended for each in rows)
    assert len(rows) > 2
