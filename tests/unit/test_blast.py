"""`lab drill blast`: a row passes if it went as it should, and each of its limits can be broken."""

from __future__ import annotations

import dataclasses
import re

import pytest

from paf_lab.drill.blast import local, shared, values
from paf_lab.drill.blast.cli import chosen, document
from paf_lab.drill.blast.judge import judge
from paf_lab.drill.blast.reports import SUSPECT, matching
from paf_lab.drill.blast.row import CLUSTER, LOCAL, VALUE, Row
from paf_lab.drill.records import MISROUTED, UNKNOWN
from paf_lab.errors import LabError
from tests.unit.blast_world import FAULT, KILL, PHASES, VICTIM, WRONG, course, spoilt, without

ROWS = (
    *values.ROWS,
    values.unresolvable(("srv1", "srv2", "srv3"), "srv3"),
    *local.ROWS,
    *shared.ROWS,
)


@pytest.mark.parametrize("row", [WRONG, FAULT], ids=lambda row: row.kind)
def test_a_row_that_goes_as_it_should(row: Row) -> None:
    found = judge(row, course())
    assert found.passed and found.lost == () and found.elsewhere == found.here == 0
    assert found.away > 0, "HAProxy was away on purpose"
    assert found.back == {"kill": 1.0, "restart": 5.0}


@pytest.mark.parametrize("outcome", ["refused", MISROUTED, UNKNOWN])
def test_one_failed_connection_on_another_node(outcome: str) -> None:
    found = judge(FAULT, course(attempts=spoilt("srv1", 112.0, 112.05, outcome)))
    assert (found.lost, found.elsewhere) == (("srv1",), 2)
    assert found.broken == ("srv1 lost service", "2 connections failed on other nodes")
    assert found.errors[0] == f"srv1/connecting {outcome}"


def test_the_victim_of_a_wrong_value_must_not_lose_service() -> None:
    seen = spoilt(VICTIM, 122.0, 123.0)
    found = judge(WRONG, course(attempts=seen))
    assert found.broken == (f"{VICTIM} lost service",) and found.here == 20
    found = judge(FAULT, course(attempts=seen))
    assert found.passed and found.lost == (VICTIM,)


def test_haproxy_that_does_not_come_back() -> None:
    phases = [
        dataclasses.replace(phase, returned=False) if phase is KILL else phase for phase in PHASES
    ]
    found = judge(WRONG, course(phases=phases))
    assert found.broken == (f"{VICTIM} lost service",) and found.back["kill"] is None
    assert judge(FAULT, course(phases=phases)).passed


def test_clients_that_wait() -> None:
    found = judge(FAULT, course(attempts=without("srv2", 112.0, 118.0)))
    assert found.lost == ("srv2",) and not found.passed
    assert judge(FAULT, course(attempts=without("srv2", 112.0, 116.0))).passed
    assert judge(WRONG, course(attempts=without(VICTIM, 114.5, 121.0))).passed, "on purpose"


def test_clients_that_never_worked() -> None:
    found = judge(FAULT, course(attempts=without(VICTIM, 0, 1000)))
    assert f"the clients of {VICTIM} were never answered" in found.broken


def test_a_failure_before_or_after_the_row() -> None:
    seen = [*spoilt("srv1", 0, 100)]
    assert judge(WRONG, course(attempts=seen)).passed, "it is none of this row's"


@pytest.mark.parametrize(
    ("reports", "silent"),
    [
        ({}, "status, log"),
        ({"log": "x"}, "status"),
        ({"status": "x", "log": "x"}, ""),
        ({"status": "x", "metric": "x"}, "log"),
    ],
)
def test_what_nothing_reports(reports: dict[str, str], silent: str) -> None:
    broken = judge(WRONG, course(reports=reports)).broken
    assert broken == ((f"not reported in {silent}",) if silent else ())


def test_trouble_and_help() -> None:
    assert judge(WRONG, course(trouble="undo: srv3: no")).broken == ("undo: srv3: no",)
    assert judge(WRONG, course(helped=True)).broken == (
        "whole again only after crm_resource --cleanup",
    )


def test_a_node_that_was_fenced() -> None:
    found = judge(FAULT, course(died={VICTIM}))
    assert found.broken == (f"{VICTIM} was fenced",) and found.lost == (VICTIM,)


def test_the_rows() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names)) > 25
    assert {row.kind for row in ROWS} == {VALUE, LOCAL, CLUSTER}
    for row in ROWS:
        assert re.fullmatch(r"[a-z0-9-]+", row.name), row.name
        re.compile(row.report)
        assert row.report or not row.told, row.name
        assert not row.apply or row.undo, row.name
        assert "maxconn" not in row.parameters, "the reload changes it"


@pytest.mark.parametrize(
    "more", [{"kind": "x"}, {"where": "x"}, {"parameters": {}}, {"sql": "DROP ROLE haproxy"}]
)
def test_a_row_that_makes_no_sense(more: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="row hold"):
        dataclasses.replace(WRONG, **more)  # type: ignore[arg-type]


def test_the_rows_that_are_named() -> None:
    assert chosen(ROWS, ["pg-hba", "hosts-empty"]) == [
        r for r in ROWS if r.name in ("hosts-empty", "pg-hba")
    ]
    assert chosen(ROWS, []) == list(ROWS)
    with pytest.raises(LabError, match="no row x"):
        chosen(ROWS, ["pg-hba", "x"])


def test_the_file_keeps_the_rows_that_were_not_run_again() -> None:
    good, bad = judge(WRONG, course()), judge(FAULT, course(helped=True))
    first = document({"rows": []}, [good, bad], {}, {"commit": "1", "date": "a"})
    assert not first["passed"] and [row["name"] for row in first["rows"]] == ["hold", "template"]
    again = document(first, [judge(FAULT, course())], {}, {"commit": "2", "date": "b"})
    assert again["passed"] and [row["name"] for row in again["rows"]] == ["hold", "template"]
    assert [row["commit"] for row in again["rows"]] == ["1", "2"], "each row names its agent"
    assert [row["begun"] for row in again["rows"]] == ["a", "b"]


def test_the_line_that_reports() -> None:
    text = "all is well\n  warning: parameter HOLD_timeout: 'bogus'\n"
    assert matching(text, r"\bhold_timeout\b.*bogus") == "warning: parameter HOLD_timeout: 'bogus'"
    assert matching(text, "prod_port") == ""


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("paf_haproxy_configuration_rejected 1", True),
        ('paf_haproxy_role_unknown{node="srv1"} 1', True),
        ("paf_haproxy_configuration_rejected 0", False),
        ("paf_haproxy_role 1", False),
        ("# HELP paf_haproxy_configuration_rejected 1 if", False),
    ],
)
def test_the_metric_that_reports(line: str, found: bool) -> None:
    assert bool(SUSPECT.search(f"a 1\n{line}\nb 2\n")) is found
