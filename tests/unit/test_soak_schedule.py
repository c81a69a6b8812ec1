"""The faults of a soak: drawn from a seed, never two that exclude each other, kept in a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paf_lab.errors import LabError
from paf_lab.soak import draw, schedule
from paf_lab.soak.faults import FAULTS
from paf_lab.soak.schedule import BY_NAME, CLUSTER, KINDS, NODES, PRIMARY, Entry, Schedule

LOST = Entry(1, 5.0, "lost-notify", PRIMARY, 10.0)
KILL = Entry(1, 1.0, "kill-postgres", PRIMARY, 0.0)


def test_every_kind_has_its_code() -> None:
    assert set(FAULTS) == set(BY_NAME) and len(BY_NAME) == len(KINDS)


def test_what_lasts_is_taken_back_and_nothing_else() -> None:
    for kind in KINDS:
        assert (kind.seconds[1] > 0) == (FAULTS[kind.name].end is not None), kind.name
        assert kind.slot and kind.seconds[0] <= kind.seconds[1]


@given(st.integers(), st.integers(1, 10_000))
def test_a_burst_can_be_brought_about(seed: int, number: int) -> None:
    found = draw.burst(seed, number)
    assert draw.LEAST <= len(found) <= draw.MOST
    assert list(found) == sorted(found)
    assert not schedule.conflict(found)
    assert len({entry.victim for entry in found if entry.kind.away}) <= 1
    for entry in found:
        least, most = entry.kind.seconds
        assert entry.burst == number
        assert 0 <= entry.at <= draw.WINDOW
        assert least <= entry.seconds <= most
        assert entry.victim in entry.kind.victims


def test_the_seed_determines_each_burst_alone() -> None:
    stream = draw.bursts(7)
    first = [next(stream) for _ in range(5)]
    assert first[3] == draw.burst(7, 4)
    assert draw.burst(7, 1) != replace_burst(draw.burst(7, 2), 1)
    assert draw.burst(7, 1) != draw.burst(8, 1)


def replace_burst(entries: tuple[Entry, ...], number: int) -> tuple[Entry, ...]:
    return tuple(replace(entry, burst=number) for entry in entries)


def test_every_fault_and_every_victim_is_drawn() -> None:
    drawn = [entry for number in range(1, 300) for entry in draw.burst(1, number)]
    assert {entry.fault for entry in drawn} == set(BY_NAME)
    assert {entry.victim for entry in drawn} == {*NODES, CLUSTER}
    away = {entry.victim for entry in drawn if entry.kind.away}
    assert away == set(NODES)


def test_what_the_machine_cannot_do_is_not_drawn() -> None:
    drawn = {e.fault for n in range(1, 100) for e in draw.burst(1, n, without=["packet-loss"])}
    assert "packet-loss" not in drawn and "cut" in drawn


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (replace(KILL, victim="standby-1"), "both be away"),
        (Entry(1, 20.0, "power-off", "standby-2", 0.0), "both be away"),
        (replace(KILL, at=5.0), "8 s apart"),
        (replace(KILL, at=9.0), ""),
        (Entry(1, 3.0, "kill-haproxy", "standby-1", 0.0), ""),
    ],
)
def test_faults_that_exclude_each_other_are_found(other: Entry, why: str) -> None:
    assert why in schedule.conflict([KILL, other])
    assert why in schedule.conflict([other, KILL])
    assert bool(why) == bool(schedule.conflict([KILL, other]))


def test_what_undoes_each_other_does_not_overlap_on_a_node() -> None:
    hang = replace(LOST, fault="hanging-notify", at=17.9)
    assert "3 s apart" in schedule.conflict([LOST, hang])
    assert not schedule.conflict([LOST, replace(hang, at=18.0)])
    assert not schedule.conflict([LOST, replace(hang, victim="standby-1")])


def test_two_switchovers_do_not_overlap_wherever_they_lead() -> None:
    first = Entry(1, 0.0, "switchover", "standby-1", 20.0)
    assert schedule.conflict([first, replace(first, at=22.0, victim="standby-2")])
    assert not schedule.conflict([first, replace(first, at=23.0, victim="standby-2")])


def test_a_schedule_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries = tuple(entry for number in (1, 2, 3) for entry in draw.burst(9, number))
    file = tmp_path / "below" / "schedule.json"
    Schedule(entries, 9).write(file, commit="1234567")
    assert schedule.read(file) == Schedule(entries, 9)
    assert json.loads(file.read_text())["commit"] == "1234567"
    assert schedule.read(file).bursts() == [draw.burst(9, number) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "is no schedule"),
        ("{", "lab soak --keep DIR writes one"),
        ('{"entries": [{"burst": 1}]}', "is no schedule"),
        ('{"entries": []}', "has no fault"),
        (None, "is no schedule"),
    ],
)
def test_what_is_no_schedule_is_refused(tmp_path: Path, text: str | None, why: str) -> None:
    file = tmp_path / "schedule.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(LabError, match=why):
        schedule.read(file)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (replace(KILL, fault="flood"), "no fault flood: there are kill-haproxy, "),
        (replace(KILL, victim=CLUSTER), "the victim must be one of primary, "),
        (replace(KILL, at=-1.0), "must not be negative"),
        (replace(KILL, victim="standby-1"), "both be away"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(tmp_path: Path, entry: Entry, why: str) -> None:
    file = tmp_path / "schedule.json"
    Schedule((KILL, entry)).write(file)
    with pytest.raises(LabError, match=why):
        schedule.read(file)
