"""Rounds of a soak: nobody repairs, what the cluster fails in is told, and the figures add up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab.errors import LabError
from paf_lab.soak import burst, figures, report, round, run, table, whole
from paf_lab.soak.burst import Outcome
from paf_lab.soak.history import ACK, STANDBY_READ, UNKNOWN, WRITE, Operation, Row, Total
from paf_lab.soak.oracle import Violation
from paf_lab.soak.round import Round
from paf_lab.soak.schedule import PRIMARY, Schedule
from tests.unit.soak_world import KILL, a_round


def wrote(sequence: int, end: float, outcome: str = ACK, server: str = "10.0.0.1") -> Operation:
    return Operation(
        kind=WRITE, client="srv1/writer", session=1, sequence=sequence, start=end - 0.1, end=end,
        outcome=outcome, value=7, server=server, recovery=False, timeline=1, lsn=sequence,
    )  # fmt: skip


OPERATIONS = (wrote(1, 1.0), wrote(2, 2.0), wrote(3, 7.5))


class FakeScene:
    """A scene without nodes. trouble: why the lab cannot repair the cluster."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble
        self.nodes = {name: SimpleNamespace(name=name, address=f"10.0.0.{name[-1]}")
                      for name in ("srv1", "srv2", "srv3")}  # fmt: skip
        self.roles = {PRIMARY: "srv2"}
        self.rebuilt: list[str] = []
        self.said: list[str] = []
        self.access = None
        self.attendance: object = None
        self.target = SimpleNamespace(repair=self.repair)
        self.leads: str | None = "srv1"

    def repair(self) -> None:
        if self.trouble:
            raise LabError(self.trouble)

    def say(self, text: str) -> None:
        self.said.append(text)

    def leader(self) -> str | None:
        return self.leads

    def assign(self) -> None:
        pass

    def rest(self, seconds: float) -> None:
        pass


class Attends:
    """Clients that have done OPERATIONS, and of which none waits."""

    def __init__(self, *_: object) -> None:
        pass

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        yield

    def operations(self) -> tuple[Operation, ...]:
        return OPERATIONS

    def unserved(self, since: float) -> str:
        return ""


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Lets a round find the rows that were written. lacking: of the cluster."""
    made = SimpleNamespace(lacking="", rows=[Row("srv1/writer", n, 7) for n in (1, 2, 3)])

    class Recovery:
        def __init__(self, scene: FakeScene, primaries: frozenset[str]) -> None:
            assert primaries == {"srv1", "srv2"}

        def await_whole(self, within: float) -> None:
            if made.lacking:
                raise LabError(made.lacking)

    monkeypatch.setattr(round, "Attendance", Attends)
    monkeypatch.setattr(whole, "SoakRecovery", Recovery)
    monkeypatch.setattr(whole, "tidy", lambda scene: scene.repair())
    monkeypatch.setattr(burst, "run", lambda entries, _: tuple(Outcome(e, "") for e in entries))
    monkeypatch.setattr(table, "rows", lambda *_: tuple(made.rows))
    monkeypatch.setattr(table, "totals", lambda *_: {1: Total(3, 21)})
    return made


def perform(scene: FakeScene, place: Path, **before: Total) -> Round:
    totals = {int(number[1:]): total for number, total in before.items()}
    return round.perform(scene, 1, Schedule((KILL,), 5), place, totals)  # type: ignore[arg-type]


def test_a_round_passes(staged: SimpleNamespace, tmp_path: Path) -> None:
    found = perform(FakeScene(), tmp_path)
    assert found.passed and found.without_writes == 5.5
    assert found.operations == {"write": {"ack": 3}}
    assert found.totals == {1: Total(3, 21)} and found.outcomes == (Outcome(KILL, ""),)
    assert (tmp_path / "schedule.json").exists()
    assert (tmp_path / "rows.tsv").read_text().startswith("srv1/writer\t1\t7\n")


def test_a_lost_row_and_one_of_an_earlier_round(staged: SimpleNamespace, tmp_path: Path) -> None:
    staged.rows.pop()
    found = perform(FakeScene(), tmp_path, n0=Total(9, 9))
    assert found.kinds == {"lost", "changed"}


def test_a_cluster_that_is_not_whole_is_a_violation_and_is_repaired(
    staged: SimpleNamespace, tmp_path: Path
) -> None:
    staged.lacking = "srv3 not online"
    scene = FakeScene()
    found = perform(scene, tmp_path)
    assert found.violations == (Violation("not-whole", 1, "srv3 not online"),)
    assert found.whole_after is None and not found.stuck
    assert "repaired by the lab" in scene.said


def test_a_cluster_that_cannot_be_repaired_is_told(staged: SimpleNamespace, tmp_path: Path) -> None:
    staged.lacking = "srv3 not online"
    found = perform(FakeScene(trouble="srv3 does not boot"), tmp_path)
    assert found.stuck == "srv3 does not boot" and found.kinds == {"not-whole"}


def test_a_table_that_cannot_be_read_is_a_violation(
    staged: SimpleNamespace, tmp_path: Path
) -> None:
    scene = FakeScene()
    scene.leads = None
    found = perform(scene, tmp_path, n0=Total(9, 9))
    assert found.kinds == {"unread"} and found.totals == {0: Total(9, 9)}


def test_the_primaries_of_a_round() -> None:
    addresses = {"10.0.0.1": "srv1", "10.0.0.3": "srv3"}
    told = (*OPERATIONS, wrote(4, 9.0, UNKNOWN, "10.0.0.3"), wrote(5, 9.5, server="10.9.9.9"))
    assert whole.former({PRIMARY: "srv2"}, told, addresses) == {"srv1", "srv2"}


def test_time_without_writes_lasts_until_the_end_of_the_round() -> None:
    assert figures.without_writes(OPERATIONS) == 5.5
    assert figures.without_writes((*OPERATIONS, wrote(4, 20.0, UNKNOWN))) == 12.5
    assert figures.without_writes(()) == 0.0


def test_reads_of_a_primary_through_stdby_are_counted() -> None:
    read = replace(wrote(1, 1.0), kind=STANDBY_READ)
    assert figures.stray_reads((*OPERATIONS, read)) == 1


def test_the_summary_adds_up() -> None:
    lost = Violation("lost", 2, "srv1/writer #1: no row")
    found = report.summary([a_round(1, skipped="off"), a_round(2, lost)], {"commit": "1234567"})
    assert not found["passed"] and found["commit"] == "1234567"
    assert found["faults"]["kill-postgres"] == {"done": 1, "skipped": 1}
    assert found["faults"]["cut"] == {"done": 0, "skipped": 0}
    assert found["operations"] == {"write": {"ack": 20}}
    assert found["violations"] == {**dict.fromkeys(report.KINDS, 0), "lost": 2}
    assert "violations: 2 lost" in list(report.lines(found))
    assert (found["without_writes"], found["rebuilt"], found["stray_reads"]) == (2.0, 2, 2)
    assert [each["round"] for each in found["failed_rounds"]] == [2]
    assert "FAILED" in list(report.lines(found))
    assert report.summary([a_round(1)], {})["passed"]
    assert not report.summary([], {})["passed"], "nothing was done"
    assert not report.summary([a_round(1)], {}, "no node runs")["passed"]


def test_rounds_end_with_their_time_and_keep_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Violation("lost", 1, "srv1/writer #1: no row")
    results: list[Any] = [a_round(1), a_round(2, lost), LabError("no node runs")]

    def perform(scene: object, number: int, schedule: Schedule, place: Path, _: object) -> Round:
        schedule.write(place / "schedule.json")
        found = results[number - 1]
        if isinstance(found, LabError):
            raise found
        assert isinstance(found, Round)
        return found

    monkeypatch.setattr(run, "perform", perform)
    scene: Any = FakeScene()
    bursts = [(KILL,)] * 4
    done: list[Round] = []
    with pytest.raises(LabError, match="no node runs"):
        for each in run.rounds(bursts, 60, scene, tmp_path, keep=False, seed=3):
            done.append(each)
    assert done == results[:2]
    assert not (tmp_path / "round-0001").exists()
    shrunk = tmp_path / "round-0002" / "schedule.json"
    assert shrunk.exists() and f"lab soak --shrink {shrunk}" in scene.said
    assert not list(run.rounds(bursts, 0, scene, tmp_path, keep=False))


def test_a_cluster_that_cannot_be_repaired_ends_the_soak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "perform", lambda *_: a_round(1, Violation("x", 1, ""), stuck="why"))
    found = run.rounds([(KILL,)] * 3, 60, FakeScene(), tmp_path, keep=False)  # type: ignore[arg-type]
    assert next(found).number == 1
    with pytest.raises(LabError, match="cannot be repaired: why"):
        next(found)
