"""The kill sweep: its moments, one switchover of it, and its table."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from paf_lab.drill.audits import Evidence
from paf_lab.drill.records import MISROUTED, REFUSED
from paf_lab.drill.sweep import victims
from paf_lab.drill.sweep.cli import sweep
from paf_lab.drill.sweep.strike import Blow, Strike, away, blow, without_primary
from paf_lab.drill.sweep.table import document, milliseconds, moments, row, table
from paf_lab.drill.sweep.victims import VICTIMS
from paf_lab.drill.verdict import Run
from paf_lab.errors import LabError
from tests.unit.drill_world import STARTED, good, spoil
from tests.unit.faults_world import Program, Stage, nothing, steps

TOLD = json.dumps({"notified": 100.0, "struck": 100.31, "pid": 77})
MEASURED = {"commit": "abc", "date": "2026-11-29T00:00:00+00:00", "cpus": 2, "load": 0.1}


def strike(name: str = "worker", offset: float = 0.3) -> Strike:
    return Strike(victims.named(name), offset)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = Stage()
    for node in found.nodes.values():
        node.answers.update({"postmaster.pid": "88\n", "pidof": "99\n"})
        node.program = Program(TOLD)
    monkeypatch.setattr("paf_lab.drill.commands.status", lambda node: found.snapshot().status)
    return found


def test_moments() -> None:
    assert moments(0, 200, 50) == [0, 0.05, 0.1, 0.15, 0.2]
    assert moments(100, 100, 50) == [0.1] and moments(0, 99, 50) == [0, 0.05]
    with pytest.raises(ValueError, match="--from 300 is later than --to 200"):
        moments(300, 200, 50)
    with pytest.raises(ValueError, match="2001 switchovers are too many: use a larger --step"):
        moments(0, 2000, 1)


@pytest.mark.parametrize(
    ("name", "node", "pid", "pattern"),
    [
        ("worker", "srv1", 77, ""),
        ("agent", "srv1", None, "paf/haproxy notify"),
        ("candidate", "srv2", 88, ""),
        ("dc", "srv3", 99, ""),
    ],
)
def test_a_strike(name: str, node: str, pid: int | None, pattern: str, stage: Any) -> None:
    drill = strike(name)
    drill.expected(stage)
    drill.prepare(stage)
    drill.inject(stage)
    drill.follow(stage)
    drill.undo(stage)
    assert drill.breaks(stage) == (node,)
    settings = json.loads(stage.nodes[node].program.written)
    assert (settings["offset"], settings["pid"], settings["pattern"]) == (0.3, pid, pattern)
    found = list(steps(stage.done, "popen", "--move", "--clear"))
    assert found[0] == f"{node}: popen python3" and "--move" in found[1] and "--clear" in found[2]
    assert drill.blow is not None and drill.blow.pid == 77 and drill.fault(good()).passed
    assert drill.blow.struck == pytest.approx(0.31)


def test_a_victim_that_is_not_there(stage: Any) -> None:
    for name, key in (("candidate", "postmaster.pid"), ("dc", "pidof"), ("worker", "show info")):
        drill = strike(name)
        drill.expected(stage)
        stage.nodes[drill._where].answers[key] = ""
        with pytest.raises(LabError, match="pid"):
            drill.prepare(stage)


@pytest.mark.parametrize(
    "line",
    ["", '{"notified": 100.0, "struck": null, "pid": null}', TOLD.replace("100.31", "100.2")],
)
def test_a_blow_that_did_not_fall_or_fell_too_soon(line: str) -> None:
    drill = strike()
    drill.blow = blow(line)
    assert not drill.fault(good()).passed


def test_a_program_that_still_waits_is_ended(stage: Any) -> None:
    killed: list[str] = []
    drill = strike()
    program = Program("")
    program.returncode = None  # type: ignore[assignment]
    program.kill = lambda: killed.append("killed")  # type: ignore[method-assign]
    drill._program = program  # type: ignore[assignment]
    drill.undo(stage)
    assert killed and drill.blow is None
    assert drill._waits() == "no pre-demote: on "


def judged(world: Evidence, name: str = "worker") -> Run:
    drill = strike(name)
    drill._where, drill.blow = "srv1", Blow(0.31, 77)
    return Run(drill.name, 1, world, tuple(drill.judge(world)), ())


def failing(run: Run) -> set[str]:
    return {each.name for each in run.findings if not each.passed}


def test_the_time_without_a_primary() -> None:
    assert away(good()) == pytest.approx(1.55, abs=0.2)
    assert without_primary(good(), 2.0).passed
    assert not without_primary(good(), 1.0).passed
    nobody = replace(good(), seen=replace(good().seen, attempts=()))
    assert not without_primary(nobody, 1000).passed


def test_limits_of_a_strike() -> None:
    assert not failing(judged(good()))
    assert "writes sent to a standby" in failing(
        judged(spoil(good(), "srv2/connecting", STARTED + 3, outcome=MISROUTED))
    )
    refused = spoil(good(), "srv1/connecting", STARTED + 0.2, outcome=REFUSED)
    assert not failing(judged(refused)), "clients of the node itself do not count"
    for place in range(2):
        refused = spoil(refused, "srv2/connecting", STARTED + 3 + place, outcome=REFUSED)
    assert failing(judged(refused)) == {"new connections refused, failed or lost"}
    assert "acknowledged rows lost" in failing(judged(replace(good(), rows={})))


def test_a_switchover_that_was_called_off_passes() -> None:
    """The primary may be any node afterwards."""
    assert not failing(judged(nothing())) - {"clients at work before and after"}


def test_rows() -> None:
    drill = strike()
    drill.blow = Blow(0.31, 77)
    found = row(drill, judged(good()))
    assert found.passed and found.struck == 0.31 and (found.before, found.after) == ("srv1", "srv2")
    assert (found.failed, found.misrouted, found.lost, found.split) == (0, 0, 0, 0)
    bad = replace(spoil(good(), "srv2/connecting", STARTED + 3, outcome=MISROUTED), rows={})
    found = row(drill, judged(bad))
    assert not found.passed and found.misrouted == 1 and found.lost > 100
    old = {"server": "10.0.0.1", "timeline": "00000001"}
    split = row(drill, judged(spoil(good(), "srv2/connecting", STARTED + 3, **old)))
    assert split.split == 2 and not split.passed


def test_the_document_of_a_sweep() -> None:
    drill = strike()
    drill.blow = Blow(0.31, 77)
    fine = row(drill, judged(good()))
    never = replace(fine, without_primary=None, struck=None, broken=("away: too long",))
    facts = {"sweep": "worker", "switchovers": 2}
    found = document(MEASURED, facts, {"haproxy": "2.6"}, [fine, fine])
    assert found["passed"] and found["commit"] == "abc" and found["load"] == 0.1
    assert found["rows"][0]["passed"] and json.dumps(found)
    for rows in ([fine], [fine, never], []):
        assert not document(MEASURED, facts, {}, rows)["passed"]
    assert not document(MEASURED, {"switchovers": 0}, {}, [])["passed"]
    assert document(MEASURED, facts, {}, [fine, never])["worst_without_primary"] is None


def test_the_table_of_a_sweep() -> None:
    drill = strike()
    drill.blow = Blow(0.31, 77)
    fine = row(drill, judged(good()))
    never = replace(fine, without_primary=None, struck=None, after="srv1", broken=("x: 1, not 0",))
    console = Console(file=io.StringIO(), width=140)
    console.print(table([fine, never]))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for words in ("310 ms", "never", "srv1 -> srv2", "forever", "x: 1, not 0", "FAIL", "pass"):
        assert words in text, words
    assert milliseconds(0.05) == "50 ms"


def test_the_command() -> None:
    done = CliRunner().invoke(sweep, ["worker", "--from", "300", "--to", "200"])
    assert done.exit_code == 2 and "--from 300 is later than --to 200" in done.output
    done = CliRunner().invoke(sweep, ["nobody"])
    assert done.exit_code == 2 and "nobody" in done.output
    shown = CliRunner().invoke(sweep, ["--help"]).output
    assert all(each.name in shown for each in VICTIMS) and isinstance(sweep, click.Command)
