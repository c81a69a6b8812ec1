"""Whether retries keep PostgreSQL away: the CPU of a trial, and what follows from two of them."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paf_lab.compare import machine, retries, tables
from paf_lab.compare.figures import Summary
from paf_lab.compare.machine import Machine, Meter, Sample
from paf_lab.drill.phases import PLANNED, phases
from paf_lab.drill.programs import CLIENTS
from paf_lab.drill.records import Usage
from paf_lab.drill.timeline import PACEMAKER, POSTGRES, Event
from tests.unit.drill_world import STARTED, good
from tests.unit.test_compare_ahead import OURS

STAT = "cpu  100 20 30 400 50 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n"
# Ends the client after a second; a driver that connects to nothing.
DRIVER = """class Error(Exception):
    pgcode = None


def connect(**words):
    raise Error("refused")
"""


def multihost(absence: float, cpu: float) -> Summary:
    return replace(OURS, topology="multihost", absence=absence, machine=Machine(1.5, cpu, 0.7))


def test_what_the_kernel_says() -> None:
    assert machine.sample(7.0, STAT) == Sample(7.0, 171, 621)


def test_the_share_of_a_time() -> None:
    samples = [Sample(at, busy, total) for at, busy, total in ((0, 0, 0), (1, 10, 40), (2, 50, 80))]
    assert machine.share(samples, 0.0, 0.5) == 0.25
    assert machine.share(samples, 1.5, 2.0) == 1.0
    assert math.isnan(machine.share(samples, 1.0, 3.0)), "nobody measured until then"
    assert math.isnan(machine.share([], 0.0, 1.0))


def test_a_trial_has_its_load_and_its_cpu() -> None:
    world = replace(good(), load=0.4)
    samples = [Sample(STARTED, 0, 0), Sample(STARTED + 9, 90, 100)]
    found = machine.measured(samples, world, (STARTED + 1, STARTED + 2))
    assert (found.load, found.cpu) == (0.4, 0.9) and found.clients == pytest.approx(0.15)
    idle = replace(world, seen=replace(world.seen, usage=(Usage("srv1", 0.0, 20.0),)))
    assert machine.measured(samples, idle, None).clients == 0.0
    assert machine.together([found, Machine(), Machine(0.8, 0.5, 0.2)]).load == pytest.approx(0.6)


def test_the_meter() -> None:
    with Meter() as meter:
        pass
    assert meter.samples and meter.samples[0].total >= meter.samples[0].busy > 0


@pytest.mark.parametrize(
    ("usual", "slower", "told"),
    [
        ((10.0, 0.98), (3.5, 0.60), "confirmed"),
        ((10.0, 0.98), (9.5, 0.60), "refuted"),
        ((10.0, 0.50), (9.5, 0.50), "refuted"),
        ((10.0, 0.98), (9.5, 0.97), "undecided: the pause did not relieve the cores"),
        ((10.0, 0.98), (3.5, 0.97), "undecided: shorter, but the cores as busy"),
        ((10.0, 0.98), (8.0, 0.60), "undecided: a little shorter"),
        ((math.nan, 0.98), (3.0, 0.60), "undecided: PostgreSQL was not away"),
        ((10.0, math.nan), (3.0, 0.60), "undecided: CPU not measured"),
    ],
)
def test_the_hypothesis(usual: tuple[float, float], slower: tuple[float, float], told: str) -> None:
    assert retries.verdict(multihost(*usual), multihost(*slower)) == told


def test_both_ways_stand_in_one_row() -> None:
    name = retries.label("switchover", 2.0)
    assert name == "switchover, retry after 2 s" and retries.label("switchover", 0) == "switchover"
    found: dict[str, Any] = {
        "switchover": {"multihost": multihost(10.0, 0.98)},
        name: {"multihost": multihost(4.0, 0.5), "vip": OURS},
    }
    ((*row,),) = retries.rows(found)
    assert row == [
        "multihost", name, "10.00 s", "4.00 s", "2.50", "98.0 %", "50.0 %", "1.50", "confirmed",
    ]  # fmt: skip
    assert len(row) == len(retries.COLUMNS)
    assert tables.RETRIES in [title for title, _, _ in tables.tables(found, {})]
    del found[name]
    assert tables.RETRIES not in [title for title, _, _ in tables.tables(found, {})]


def test_where_the_time_goes() -> None:
    texts = (
        "Initiating demote operation pgsqld_demote_0 on srv1",
        "Result of demote operation for pgsqld on srv1: ok",
        "Initiating promote operation pgsqld_promote_0 locally on srv2",
    )
    events = [Event(101.0 + at, "srv2", PACEMAKER, text) for at, text in enumerate(texts)]
    events.append(Event(103.5, "srv2", POSTGRES, "primary, was standby"))
    found = phases(events, 100.0, PLANNED)
    assert found == {"announced": 1.0, "demoted": 1.0, "elected": 1.0, "promoted": 0.5}
    assert phases(events[1:], 100.0, PLANNED) == {}
    drills = {"switchover": {"multihost": replace(OURS, topology="multihost", phases=found)}}
    table = next(each for each in tables.tables(drills, {}) if tables.PHASES in each[0])
    assert table[2] == [("multihost", "1.00 s", "1.00 s", "1.00 s", "0.50 s")]
    assert len(table[1]) == 5


@pytest.mark.parametrize(("pause", "least", "most"), [(0.0, 12, 1000), (0.4, 2, 3)])
def test_clients_wait_after_an_attempt_that_failed(
    tmp_path: Path, pause: float, least: int, most: int
) -> None:
    (tmp_path / "psycopg2.py").write_text(DRIVER)
    settings = {
        "node": "srv1", "every": {"connecting": 0.02}, "targets": {}, "most": 1000, "first": 1,
        "transaction": 0, "seconds": 1, "patience": 1, "prod_port": 1, "stdby_port": 1,
        "connect": {}, "retry_pause": pause,
    }  # fmt: skip
    done = subprocess.Popen(
        [sys.executable, str(CLIENTS / "load.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.stdin is not None and done.stdout is not None
    done.stdin.write(json.dumps(settings) + "\n")
    done.stdin.flush()
    records = [json.loads(line) for line in done.stdout]
    done.wait(20)
    refused = [each for each in records if each.get("outcome") == "refused"]
    assert least <= len(refused) <= most
