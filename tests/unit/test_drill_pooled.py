"""Sessions through PgBouncer in a switchover: they are made where there is one, and judged."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest

from paf_lab.access import POOLED, POOLED_KINDS, POOLED_READER
from paf_lab.drill import service
from paf_lab.drill.audits import Evidence
from paf_lab.drill.drill import PAUSE_MORE
from paf_lab.drill.faults.pooler import LongTransactions
from paf_lab.drill.faults.switchover import Switchover
from paf_lab.drill.records import UNKNOWN, Attempt, read
from paf_lab.drill.settings import Settings
from tests.unit.drill_world import (
    ADDRESSES,
    LAST_COMMIT,
    OUT_OF_RECOVERY,
    attempts,
    fails,
    good,
    spoil,
)

ERRORS, PAUSE = "errors of sessions through PgBouncer", "longest transaction through PgBouncer"


def pooled() -> Evidence:
    world = good()
    more = [
        each for node in ADDRESSES for kind in POOLED_KINDS for each in attempts(f"{node}/{kind}")
    ]
    return replace(world, seen=replace(world.seen, attempts=(*world.seen.attempts, *more)))


def names(evidence: Evidence) -> set[str]:
    drill = Switchover()
    return {finding.name for finding in drill.judge(evidence)}


def test_they_are_judged_where_they_are() -> None:
    assert names(pooled()) - names(good()) == {ERRORS, PAUSE}
    assert service.open_sessions(pooled()).passed
    assert service.longest_pause(pooled(), PAUSE_MORE).passed


def test_an_error() -> None:
    for kind in POOLED_KINDS:
        bad = spoil(pooled(), f"srv3/{kind}", LAST_COMMIT, outcome=UNKNOWN)
        finding = fails(service.open_sessions, bad)
        assert finding.value.startswith("1 of ")


def test_a_pause_that_is_longer_than_the_outage() -> None:
    bad = spoil(pooled(), f"srv2/{POOLED}", LAST_COMMIT, end=OUT_OF_RECOVERY + 0.5)
    finding = fails(lambda each: service.longest_pause(each, PAUSE_MORE), bad)
    assert finding.name == PAUSE


def test_they_are_started_where_there_is_a_pooler() -> None:
    assert Settings().with_pooled() == Settings()
    settings = Settings(pooler_port=6432).with_pooled()
    assert set(settings.every) == {*Settings().every, *POOLED_KINDS}
    told = settings.clients("srv1", "secret")
    assert told["targets"][POOLED]["dbname"] == "app"
    assert told["targets"][POOLED_READER] == {"port": 6432, "sslmode": "prefer", "dbname": "app_ro"}


def test_all_transactions_of_a_minute_must_fail() -> None:
    drill = LongTransactions()
    for name, command in (("srv1", "false"), ("srv2", "true")):
        client = subprocess.Popen([command], text=True)
        client.wait()
        drill._clients[name] = client
    (finding,) = [each for each in drill.judge(pooled()) if each.name.startswith("transactions of")]
    assert (finding.value, finding.passed) == ("1 of 2", False)
    del drill._clients["srv2"]
    (finding,) = [each for each in drill.judge(pooled()) if each.name.startswith("transactions of")]
    assert (finding.value, finding.passed) == ("1 of 1", True)


@pytest.mark.parametrize("kind", POOLED_KINDS)
def test_their_attempts_are_read(kind: str) -> None:
    fields = {"kind": kind, "node": "srv1", "sequence": 1, "new": True, "start": 1.0}
    line = json.dumps({**fields, "session": 1.1, "end": 1.2, "outcome": "ack"})
    record = read(line, "srv1")
    assert isinstance(record, Attempt)
    assert (record.kind, record.writes) == (kind, kind == POOLED)
