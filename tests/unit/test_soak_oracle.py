"""The oracle of a soak passes legal histories, and finds each violation that is put into one."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paf_lab.soak import oracle
from paf_lab.soak.history import (
    ACK,
    LIFE,
    READ,
    READ_ONLY,
    REFUSED,
    UNKNOWN,
    WRITE,
    History,
    Operation,
    Row,
    Total,
)
from tests.unit.soak_world import SERVERS, WRITERS, changed, legal

SEEDS, STEPS = st.integers(0, 2**32), st.integers(0, 60)


def kinds(history: History) -> set[str]:
    return {violation.kind for violation in oracle.judge(history)}


@given(SEEDS, STEPS)
def test_a_legal_history_passes(seed: int, steps: int) -> None:
    assert not oracle.judge(legal(seed, steps).history())


def no_row(history: History) -> History:
    last = [*history.of(WRITE, ACK)][-1]
    rows = history.rows or ()
    return replace(history, rows=tuple(row for row in rows if row.sequence != last.sequence))


def other_value(history: History) -> History:
    return changed(history, next(history.of(WRITE, ACK)), value=-1)


def doubled(history: History) -> History:
    rows = history.rows or ()
    return replace(history, rows=(*rows, rows[0]))


def from_nowhere(history: History) -> History:
    return replace(history, rows=(*(history.rows or ()), Row(WRITERS[0], 9 * LIFE + 2, 5)))


def by_a_stranger(history: History) -> History:
    return replace(history, rows=(*(history.rows or ()), Row("srv9/writer", 7, 5)))


def refused_and_there(history: History) -> History:
    return changed(history, next(history.of(WRITE, ACK)), outcome=REFUSED)


def read_only(history: History) -> History:
    return changed(history, next(history.of(WRITE, ACK)), outcome=READ_ONLY)


def acknowledged_in_recovery(history: History) -> History:
    return changed(history, next(history.of(WRITE, ACK)), recovery=True)


def read_in_recovery(history: History) -> History:
    return changed(history, next(history.of(READ, ACK)), recovery=True)


def late_on_the_old_timeline(history: History) -> History:
    old = next(history.of(WRITE, ACK))
    end = max(each.end for each in history.operations)
    return changed(history, old, start=end + 1, end=end + 2)


def one_timeline_of_two_servers(history: History) -> History:
    return changed(history, next(history.of(WRITE, ACK)), server=SERVERS[2])


def beyond_the_fork(history: History) -> History:
    old = next(history.of(WRITE, ACK))
    newer = min(e.lsn for e in history.of(WRITE, ACK) if e.timeline > old.timeline)
    return changed(history, old, lsn=newer)


def reads_less(history: History) -> History:
    """The last reader that reads a counter once more sees none of its rows."""
    return changed(history, _last_repeated(history), value=0)


def reads_old(history: History) -> History:
    """A read that begins after all that was acknowledged sees none of it."""
    last = [*history.of(READ, ACK)][-1]
    end = max(each.end for each in history.operations)
    return changed(
        history, last, client="srv2/reader", start=end + 1, end=end + 2, value=0,
        counter=next(history.of(WRITE, ACK)).client,
    )  # fmt: skip


def _last_repeated(history: History) -> Operation:
    """Returns the last read of a counter that its client has seen rows of before."""
    seen: dict[tuple[str, str], int] = {}
    found: Operation | None = None
    for each in history.of(READ, ACK):
        key = each.client, each.counter
        if seen.get(key):
            found = each
        seen[key] = max(each.value, seen.get(key, 0))
    assert found is not None
    return found


VIOLATIONS: tuple[tuple[Callable[[History], History], str], ...] = (
    (no_row, "lost"),
    (other_value, "lost"),
    (doubled, "twice"),
    (from_nowhere, "invented"),
    (by_a_stranger, "invented"),
    (refused_and_there, "invented"),
    (read_only, "misrouted"),
    (acknowledged_in_recovery, "misrouted"),
    (read_in_recovery, "misrouted"),
    (late_on_the_old_timeline, "two-writers"),
    (one_timeline_of_two_servers, "two-writers"),
    (beyond_the_fork, "forked"),
    (reads_less, "backwards"),
    (reads_old, "behind"),
)


@pytest.mark.parametrize(("violate", "kind"), VIOLATIONS)
@given(seed=SEEDS, steps=STEPS)
def test_a_violation_is_found(
    violate: Callable[[History], History], kind: str, seed: int, steps: int
) -> None:
    world = legal(seed, steps)
    for _ in range(8):  # so that each client has done each thing
        world.write()
        world.read()
    assert kind in kinds(violate(world.history()))


def test_every_rule_has_a_violation_that_it_finds() -> None:
    tested = {kind for _, kind in VIOLATIONS}
    assert tested | {"unreplicated"} == set(oracle.RULES), "which has a test of its own, below"


def test_rows_that_no_client_was_told_of_are_told_apart() -> None:
    world = legal(3, 0)
    for number in range(40):
        world.write(UNKNOWN) if number % 2 else world.read()
    history = world.history()
    told = {(each.client, each.sequence) for each in history.of(WRITE, ACK)}
    greatest = {name: max(n for c, n in told if c == name) for name in WRITERS}
    last = _last_repeated(history)
    assert last.value > greatest[last.counter]
    less = changed(history, last, value=greatest[last.counter])
    assert kinds(less) == {"unreplicated"}


def test_without_the_table_the_clients_are_judged_all_the_same() -> None:
    history = replace(legal(1, 20).history(), rows=None)
    assert not oracle.judge(history)
    assert kinds(read_only(history)) == {"misrouted"}


def test_a_violation_is_counted_and_the_first_is_told() -> None:
    history = legal(1, 0).history()
    (found,) = oracle.judge(replace(history, rows=()))
    first = next(history.of(WRITE, ACK))
    assert (found.kind, found.count) == ("lost", 8)
    assert found.first == f"{first}: no row"


def test_rows_of_earlier_rounds_must_stay() -> None:
    before = {1: Total(5, 50), 2: Total(7, 70)}
    assert not oracle.kept(before, {**before, 3: Total(1, 1)})
    (found,) = oracle.kept(before, {1: Total(5, 51), 3: Total(1, 1)})
    assert (found.kind, found.count) == ("changed", 2)
    assert found.first == "round 1: 5 rows, 5 before"


def test_the_oracle_shares_no_code_with_what_it_judges() -> None:
    """The form of the logs and the clients do not either: they have a program of their own."""
    root = Path(oracle.__file__).parents[1]
    for name, allowed in (
        ("soak/oracle.py", {"history"}),
        ("soak/history.py", set()),
        ("clients/soak.py", set()),
    ):
        tree = ast.parse((root / name).read_text())
        found = {
            node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.level
        }
        assert found == allowed
        assert "paf_haproxy" not in (root / name).read_text()
