"""What `lab migrate` types, and how it judges what a migration cost."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab import migrate, topology
from paf_lab.compare.figures import Trial
from paf_lab.layout import REPO
from paf_lab.migrate import LONGER, checked, judge, plan, reported, restarts, started
from paf_lab.migration import MOVE, WAYS, Restart, RestartPostgresql, Typed
from paf_lab.topology import COMPARED, DEFAULT
from paf_lab.topology.documented import stated

NAMES = ("srv1", "srv2", "srv3")
OURS = topology.named(DEFAULT)


def trials(name: str = "state-socket") -> list[Trial]:
    """A restart that cost something, and a migration that cost nothing."""
    report = json.loads((REPO / "results" / f"migrate-{name}.json").read_text())
    names = {field.name for field in fields(Trial)}
    found = [
        Trial(**{name: value for name, value in each.items() if name in names})
        for each in report["trials"]
    ]
    return [replace(found[0], drill="restart"), replace(found[1], drill="migration")]


def test_a_good_migration() -> None:
    restart, migration = trials()
    assert restart.drill == Restart.name and restart.failed > 0
    assert all(finding.passed for finding in judge([restart, migration], ""))


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        {"misrouted": 1},
        {"lost": 1},
        {"two_primaries": 1},
        {"trouble": "srv2 is down"},
        {"connections": 0},
        {"acknowledged": 0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_bad_one(change: dict[str, Any], direct: bool) -> None:
    restart, migration = trials()
    restart = replace(restart, drill=RestartPostgresql.name if direct else Restart.name)
    found = judge([restart, replace(migration, **change)], "", direct)
    assert [each.name for each in found if not each.passed]


def test_a_migration_may_cost_what_a_restart_does() -> None:
    restart, migration = trials()
    for failed, passed in ((restart.failed, True), (restart.failed + 1, False)):
        found = judge([restart, replace(migration, failed=failed)], "")
        assert all(each.passed for each in found) is passed


def test_while_postgresqls_own_port_moves_the_time_counts() -> None:
    """Clients of that port are refused; afterwards, none is."""
    restart, migration = trials()
    restart = replace(restart, drill=RestartPostgresql.name, outage=2.0)
    for outage, passed in ((2.0 + LONGER, True), (2.1 + LONGER, False)):
        moved = replace(migration, failed=restart.failed + 500, outage=outage)
        assert all(each.passed for each in judge([restart, moved], "", direct=True)) is passed
    removal = replace(migration, drill="removal", failed=restart.failed + 1)
    assert not all(each.passed for each in judge([restart, removal], "", direct=True))


def test_a_migration_that_did_not_arrive() -> None:
    assert not judge(trials(), "srv3 says nothing on 5431, not standby")[0].passed


@pytest.mark.parametrize("name", WAYS)
def test_all_of_the_sections_is_typed_once_and_in_order(name: str) -> None:
    way = WAYS[name]
    steps = plan(way, topology.named(way.start), OURS)
    typed = [block for _, fault in steps if isinstance(fault, Typed) for block in fault.blocks]
    assert typed == way.blocks()
    assert list(dict.fromkeys(block.section for block in typed)) == list(way.sections)
    assert steps[0][1] is way.measure
    last = steps[-1]
    assert (last[0] is OURS) == way.removal
    if way.removal:  # nobody uses any more what the last block takes away
        (block,) = last[1].blocks if isinstance(last[1], Typed) else []
        assert re.search(r"resource delete vip|disable --now haproxy", block.text)


def test_the_move_restarts_one_standby_then_the_primary_then_the_others() -> None:
    blocks = [block for block in WAYS["vip"].blocks() if block.section == MOVE]
    words = [re.findall(r"75-move-port\.sh (\w+)", block.text) for block in blocks]
    assert words == [["prepare"], ["begin"], ["restart"], ["restart"], ["restart"], ["end"]]
    where = [block.where(NAMES) for block in blocks]
    assert where == [list(NAMES), ["srv1"], ["srv2"], ["srv1"], ["srv3"], ["srv1"]]


def test_the_starting_points_are_not_compared() -> None:
    assert not {way.start for way in WAYS.values()} & set(COMPARED)
    assert {way.start for way in WAYS.values()} <= set(topology.ALL)


def test_postgresql_is_restarted_once_and_a_copy_is_started_once_more() -> None:
    for copies, starts in (((), 1), (("srv2",), 2)):
        for more, passed in ((-1, False), (0, True), (1, False)):
            (found,) = restarts({"srv2": starts + more}, copies)
            assert found.passed is passed


def document(*checks: tuple[str, str]) -> dict[str, Any]:
    return {"checks": [{"name": "n", "outcome": outcome, "text": text} for outcome, text in checks]}


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        (document(("ok", "all is well"), ("note", "not known: the clock")), True),
        (document(("ok", "all is well"), ("note", "could be better")), False),
        (document(("wrong", "bad")), False),
        ({"checks": [{"name": "clock", "outcome": "note", "text": "not synchronized"}]}, True),
        (document(), False),
        ({"error": "no such command", "checks": []}, False),
    ],
)
def test_what_check_reports(said: dict[str, Any], passed: bool) -> None:
    (found,) = reported({"srv1": said})
    assert found.passed is passed


def node(output: str, error: str = "") -> Any:
    return SimpleNamespace(run=lambda *_, **__: SimpleNamespace(stdout=output, stderr=error))


def test_what_a_node_answers() -> None:
    assert checked(node('{"checks": []}')) == {"checks": []}
    assert checked(node("", "bash: paf-haproxy: command not found"))["error"].endswith("not found")
    log = "starting PostgreSQL 15.14\nready to accept connections\nstarting PostgreSQL 15.14\n"
    assert (started(node(log), 0.0), started(node(""), 0.0)) == (2, 0)


def test_the_values_of_the_page_count_where_it_has_some() -> None:
    text = 'export ONE="a b" PASSWORD=... OPTIONS="..."\nexport TWO=2\n'
    assert stated(text) == {"ONE": "a b", "TWO": "2"}
    (env,) = [block for block in WAYS["instance"].blocks() if block.file]
    assert stated(env.text)["PGPORT"] == "5432"


def test_the_command_offers_each_way() -> None:
    (argument,) = [each for each in migrate.migrate.params if each.name == "name"]
    assert list(argument.type.choices) == list(WAYS)  # type: ignore[attr-defined]
