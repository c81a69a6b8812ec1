"""Audits of a crash of PostgreSQL: each can fail."""

from __future__ import annotations

from dataclasses import replace

from paf_lab.drill import crash
from paf_lab.drill.audits import Evidence
from paf_lab.drill.records import REFUSED, LogLine
from tests.unit.drill_world import OUT_OF_RECOVERY, SETTLED, STARTED, fails, good, spoil

TEXT = (
    "PostgreSQL on srv1 has crashed, as PAF's monitor confirms: reported to Pacemaker, which shows"
)


def told(*after: float) -> Evidence:
    log = tuple(LogLine("srv1", STARTED + each, "paf-haproxy", TEXT) for each in after)
    return replace(good(), seen=replace(good().seen, log=log))


def test_a_crash_is_reported_once_and_soon() -> None:
    assert crash.reported(told(0.4), 1.5).passed
    assert fails(lambda each: crash.reported(each, 1.5), told(1.6)).value == "1.60 s"
    assert fails(lambda each: crash.reported(each, 1.5), told(0.4, 0.9)).value == "0.40 s, 0.90 s"
    assert fails(lambda each: crash.reported(each, 1.5), told()).value == "never"


def test_one_gap() -> None:
    assert crash.one_gap(good()).passed
    world = good()
    for place in range(10):
        world = spoil(world, "srv3/connecting", SETTLED - 1 + place * 0.1, outcome=REFUSED)
    assert fails(crash.one_gap, world).value == "2"
    fails(crash.one_gap, replace(world, seen=replace(world.seen, attempts=())))


def test_a_client_waits_little_longer_than_the_recovery_takes() -> None:
    assert crash.recovered(good(), "srv2", 1.5).passed
    acks = good().seen.attempts
    kept = tuple(e for e in acks if e.end < STARTED or e.end > OUT_OF_RECOVERY + 4)
    late = replace(good(), seen=replace(good().seen, attempts=kept))
    fails(lambda each: crash.recovered(each, "srv2", 1.5), late)
    finding = fails(lambda each: crash.recovered(each, "srv3", 1.5), good())
    assert finding.value == "not recovered"
