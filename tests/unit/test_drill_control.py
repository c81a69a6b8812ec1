"""The control of a drill: everything is done but the injection, and the verdict must fail by it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from paf_lab.drill import cli as drill_cli
from paf_lab.drill import facts, report, runner, whole
from paf_lab.drill.audits import WHOLE, Finding
from paf_lab.drill.control import cli, perform
from paf_lab.drill.control.row import Row, judged, table
from paf_lab.drill.drill import Drill
from paf_lab.drill.faults import DRILLS
from paf_lab.drill.listener import Listener
from paf_lab.drill.records import Facts
from paf_lab.drill.runner import Performed
from paf_lab.drill.settings import Settings
from paf_lab.drill.target import LabTarget
from paf_lab.drill.witness import FAULT
from paf_lab.errors import LabError
from tests.unit.sightings_world import calm

GOOD, BAD = Finding("x", True, "0", "0"), Finding("y", False, "1", "0")
UNSEEN = Finding(FAULT, False, "srv1 did not boot", "yes")


class Tried(Drill):
    """It notes what it is told to do. wrong: the step that fails."""

    name = "tried"

    def __init__(self, wrong: str = "") -> None:
        self.wrong = wrong
        self.done: list[str] = []

    def _do(self, step: str) -> None:
        self.done.append(step)
        if step == self.wrong:
            raise LabError(f"{step} failed")

    def prepare(self, stage: Any) -> None:
        self._do("prepare")

    def inject(self, stage: Any) -> None:
        self._do("inject")

    def follow(self, stage: Any) -> None:
        assert stage.bound == perform.FOLLOW_FOR
        self._do("follow")

    def undo(self, stage: Any) -> None:
        self._do("undo")

    def fault(self, evidence: Any) -> Finding:
        return UNSEEN


class Stage:
    bound: float | None = None
    primary = "srv1"
    started = 0.0

    def say(self, text: str) -> None:
        self.said = text

    @contextlib.contextmanager
    def bounded(self, seconds: float) -> Iterator[None]:
        self.bound = seconds
        yield
        self.bound = None


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "gather", lambda stage: {"srv1": Facts("a")})


@pytest.mark.parametrize("wrong", ["", "follow"])
def test_all_but_the_injection_is_done(wrong: str) -> None:
    drill, stage = Tried(wrong), Stage()
    procedure = perform.ControlProcedure(drill)
    assert procedure.bring_about(stage) == ""  # type: ignore[arg-type]
    assert drill.done == ["prepare", "follow", "undo"]
    assert stage.said == "tried: the injection is omitted" and stage.started > 0
    assert procedure.expected(stage) == "srv1"  # type: ignore[arg-type]


@pytest.mark.parametrize(("wrong", "done"), [("prepare", 2), ("undo", 3)])
def test_what_goes_wrong_before_and_after_is_trouble(wrong: str, done: int) -> None:
    drill = Tried(wrong)
    with pytest.raises(LabError, match=f"{wrong} failed"):
        perform.ControlProcedure(drill).bring_about(Stage())  # type: ignore[arg-type]
    assert len(drill.done) == done and drill.done[-1] == "undo"


def test_the_primary_must_be_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def recovery(stage: Stage, primary: str) -> Any:
        asked.append(primary)
        return SimpleNamespace(await_whole=asked.append)

    monkeypatch.setattr(whole, "DrillRecovery", recovery)
    perform.ControlProcedure(Tried()).await_whole(Stage())  # type: ignore[arg-type]
    assert asked == ["srv1", perform.WHOLE_WITHIN]


def test_the_verdict_of_the_drill_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = Performed(evidence=calm(), events=())
    monkeypatch.setattr(runner, "perform", lambda *_: found)
    row = perform.perform(Tried(), LabTarget(), tmp_path, None)  # type: ignore[arg-type]
    assert row.passed and row.missing == UNSEEN.value


@pytest.mark.parametrize(
    ("findings", "trouble", "passed"),
    [
        ([GOOD, BAD, UNSEEN], "", True),
        ([GOOD, UNSEEN], "it hangs", False),
        ([GOOD, Finding(FAULT, True, "seen", "yes")], "", False),
        ([GOOD, BAD, Finding(FAULT, True, "seen", "yes")], "", False),
        ([GOOD, BAD], "", False),
        ([], "", False),
    ],
)
def test_only_the_line_about_the_fault_counts(
    findings: list[Finding], trouble: str, passed: bool
) -> None:
    assert judged("x", findings, trouble, 1.0).passed is passed


def test_the_row_names_what_failed() -> None:
    row = judged("x", [GOOD, BAD, Finding(WHOLE, False, "no", "yes"), UNSEEN], "", 12.3)
    assert (row.missing, row.noticed) == ("srv1 did not boot", ("y",))
    assert row.as_json()["passed"] is True and row.as_json()["noticed"] == ("y",)
    console = Console(width=200, record=True)
    console.print(table([row, Row("z", None, "", (), "", 1.0)]))
    text = console.export_text()
    assert "no: srv1 did not boot" in text and "nothing said" in text and "12 s" in text


class Plan:
    """What the command asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self.file: Path | None = None
        monkeypatch.setattr(cli, "run", self._run)

    def _run(self, plan: Any, file: Path | None) -> None:
        self.names, self.file = [each.name for each in plan], file
        raise SystemExit(0)


@pytest.mark.parametrize("words", [["poweroff", "ban"], ["ban", "--json", "f.json"]])
def test_names_after_control(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    plan = Plan(monkeypatch)
    done = CliRunner().invoke(drill_cli.drill, ["--control", *words])
    assert done.exit_code == 0, done.output
    assert plan.names == [word for word in words if word in ("poweroff", "ban")]
    assert (plan.file is not None) is ("--json" in words)


def test_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(monkeypatch)
    assert CliRunner().invoke(drill_cli.drill, ["--control", "--all"]).exit_code == 0
    assert plan.names == [each.name for each in DRILLS]


@pytest.mark.parametrize("words", [[], ["--random", "2"], ["--all", "--open-loop", "1"]])
def test_what_is_no_control(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    Plan(monkeypatch)
    done = CliRunner().invoke(drill_cli.drill, ["--control", *words])
    assert done.exit_code == 2 and "--control" in done.output


def test_a_name_that_no_drill_has() -> None:
    with pytest.raises(LabError, match="no drill blast: lab drill --list"):
        cli.chosen(["ban", "blast"])
    with pytest.raises(click.UsageError):
        cli.chosen_of(every=False, short=False)


def test_a_series(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = iter([Row("a", False, "", (), "", 1.0), Row("b", False, "", (), "it hangs", 1.0)])
    repaired: list[str] = []

    def one(drill: Drill, *_: Any) -> Row:
        try:
            return next(rows)
        except StopIteration:
            raise LabError("srv1 is off") from None

    monkeypatch.setattr(perform, "perform", one)
    monkeypatch.setattr(report, "LiveView", lambda *_: contextlib.nullcontext())
    target: Any = SimpleNamespace(repair=lambda: repaired.append("repaired"))
    found = cli.perform_all([Tried, Tried, Tried, Tried], target, tmp_path)
    assert [row.passed for row in found] == [True, False] and repaired == ["repaired"]
    assert json.dumps([row.as_json() for row in found])


def test_waits_and_pauses_are_bounded(tmp_path: Path) -> None:
    listener = Listener(SimpleNamespace(nodes=(), settings=Settings()), tmp_path, None)  # type: ignore[arg-type]
    listener.look = lambda: None  # type: ignore[method-assign]
    began = time.monotonic()
    with listener.bounded(0.05), pytest.raises(LabError, match="never"):
        listener.rest(30)
        listener.wait(lambda: "never", within=30)
    assert time.monotonic() - began < 5
    with pytest.raises(LabError, match=r"within 0\.2 s"):
        listener.wait(lambda: "never", within=0.2)
