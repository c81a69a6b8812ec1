"""A violation that is put into a good run fails its audit, and no other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import pytest

from paf_lab.access import POOLED_KINDS, POOLED_READER
from paf_lab.drill import audits, crash, service, unserved, witness
from paf_lab.drill.audits import Evidence, Finding
from paf_lab.drill.drill import PAUSE_MORE
from paf_lab.drill.records import (
    ACK,
    DOWN,
    FAILED,
    MISROUTED,
    PRIMARY,
    REFUSED,
    UNKNOWN,
    Attempt,
    LogLine,
    RoleSeen,
)
from tests.unit.drill_world import (
    ADDRESSES,
    LAST_COMMIT,
    NEW_LINE,
    OUT_OF_RECOVERY,
    SETTLED,
    STARTED,
    attempts,
    good,
    spoil,
    still,
)
from tests.unit.sightings_world import (
    booted,
    calm,
    fresh,
    moved,
    role,
    sight,
    silent,
    waited,
)

Bound = Callable[[Evidence], Any]
OTHERS = frozenset({"srv2", "srv3"})
PROGRAM, WORD = "HAProxy", "seen"


def pooled() -> Evidence:
    more = [a for node in ADDRESSES for kind in POOLED_KINDS for a in attempts(f"{node}/{kind}")]
    return with_attempts(good(), (*good().seen.attempts, *more))


def crashed(after: float = 0.5) -> Evidence:
    text = f"PostgreSQL on srv1 has crashed: {crash.REPORTED}, which shows"
    log = (LogLine("srv1", STARTED + after, "paf-haproxy", text),)
    return replace(good(), seen=replace(good().seen, log=log))


def recovered() -> Evidence:
    seen = good().seen
    role = RoleSeen("srv3", OUT_OF_RECOVERY, OUT_OF_RECOVERY - 0.01, PRIMARY)
    return replace(good(), seen=replace(seen, roles=(*seen.roles, role)))


def happened() -> Evidence:
    """All that a witness may have seen, on a node of its own each."""
    world = moved(calm())
    for see in (
        booted("srv3"), fresh(PROGRAM, "srv1"), silent("srv1"), role("srv3"), waited("srv3"),
        sight(WORD, "srv1"), sight(WORD, "srv2", at=STARTED - 1),
    ):  # fmt: skip
        world = see(world)
    return world


def with_attempts(world: Evidence, found: tuple[Attempt, ...]) -> Evidence:
    return replace(world, seen=replace(world.seen, attempts=found))


def unheard(world: Evidence, client: str, since: float, until: float) -> Evidence:
    """The client made no attempt that ended in between."""
    return with_attempts(
        world,
        tuple(a for a in world.seen.attempts if a.client != client or not since <= a.end < until),
    )


def without(world: Evidence, kind: str, at: Callable[[Any], bool]) -> Evidence:
    """The evidence without some of its records. kind: 'roles', 'servers', ..."""
    kept = tuple(each for each in getattr(world.seen, kind) if not at(each))
    return replace(world, seen=replace(world.seen, **{kind: kept}))


BOUND: Mapping[str, Bound] = {
    "service.ratio": lambda e: service.ratio(e, 1.6),
    "service.served_again": lambda e: service.served_again(e, 0.5),
    "service.served_within": lambda e: service.served_within(e, 2.7),
    "service.served_by": lambda e: service.served_by(e, ADDRESSES["srv3"]),
    "service.undisturbed": lambda e: service.undisturbed(e, OTHERS),
    "service.haproxy_went": lambda e: service.haproxy_went(e, "srv1"),
    "service.haproxy_back": lambda e: service.haproxy_back(e, "srv1", 6),
    "service.longest_pause": lambda e: service.longest_pause(e, PAUSE_MORE),
    "unserved.audit": lambda e: unserved.audit(e, 3.0, 1.0),
    "crash.reported": lambda e: crash.reported(e, 1.5),
    "crash.recovered": lambda e: crash.recovered(e, "srv3", 1.5),
    "witness.rebooted": lambda e: witness.rebooted(e, "srv3"),
    "witness.replaced": lambda e: witness.replaced(e, PROGRAM, "srv1"),
    "witness.silent": lambda e: witness.silent(e, "srv1"),
    "witness.silent_at": lambda e: witness.silent_at(e, "srv1", OUT_OF_RECOVERY),
    "witness.became": lambda e: witness.became(e, "srv3"),
    "witness.sighted": lambda e: witness.sighted(e, WORD, ("srv1",)),
    "witness.prepared": lambda e: witness.prepared(e, WORD, "srv2"),
    "witness.disturbed": lambda e: witness.disturbed(e, "srv3", 4.0),
}
"""Audits that take more than the evidence."""


@dataclass(frozen=True)
class Violation:
    """world: of a good run. also: audits of which the violation is one, too."""

    world: Callable[[], Evidence]
    insert: Callable[[Evidence], Evidence]
    also: tuple[str, ...] = ()


def changed(client: str, after: float, **change: Any) -> Callable[[Evidence], Evidence]:
    return lambda world: spoil(world, client, after, **change)


def field(**change: Any) -> Callable[[Evidence], Evidence]:
    return lambda world: replace(world, **change)


def no_row(world: Evidence) -> Evidence:
    rows = {row: at for row, at in world.rows.items() if row != ("srv2/connecting", 7)}
    return replace(world, rows=rows)


def served_by_another(world: Evidence) -> Evidence:
    found = [a if a.writes else replace(a, server=ADDRESSES["srv2"]) for a in world.seen.attempts]
    return with_attempts(world, tuple(found))


def role_again(world: Evidence) -> Evidence:
    again = RoleSeen("srv2", STARTED + 1, STARTED, "standby")
    return replace(world, seen=replace(world.seen, roles=(*world.seen.roles, again)))


VIOLATIONS: Mapping[str, Violation] = {
    "audits.whole_again": Violation(good, field(trouble="srv3 is off")),
    "audits.clients_ran": Violation(good, field(clients=good().clients | {"srv9/session"})),
    "audits.misrouted_writes": Violation(
        good, changed("srv1/session", STARTED - 2, outcome=MISROUTED)
    ),
    "audits.misrouted_reads": Violation(
        good, changed("srv1/reader", STARTED - 2, outcome=MISROUTED)
    ),
    "audits.lost_rows": Violation(good, no_row),
    "audits.one_primary": Violation(
        good, changed("srv3/session", SETTLED - 1, server=ADDRESSES["srv1"])
    ),
    "audits.one_timeline": Violation(good, changed("srv3/session", STARTED, timeline=NEW_LINE)),
    "audits.fencings": Violation(good, field(fencings=1)),
    "audits.failed_over": Violation(
        good,
        field(expected="srv1"),
        also=("audits.moved", "service.ratio", "service.served_again"),
    ),
    "audits.replication": Violation(
        good, field(receivers={"srv1": "10.0.0.2:5434", "srv3": "127.0.0.1:5437"})
    ),
    "audits.tidy": Violation(good, field(leftovers=("srv1: file reload-due",))),
    "audits.repairs": Violation(good, field(repairs=("srv1: instance copied from srv2",))),
    "audits.clearings": Violation(good, field(cleared=1)),
    "audits.moved": Violation(good, changed("srv2/session", SETTLED, server=ADDRESSES["srv3"])),
    "service.new_connections": Violation(good, changed("srv2/reader", STARTED, outcome=REFUSED)),
    "service.served_again": Violation(
        good, lambda e: unheard(e, "srv3/connecting", LAST_COMMIT, OUT_OF_RECOVERY + 0.55)
    ),
    "service.ratio": Violation(good, lambda e: unheard(e, "srv3/connecting", STARTED, LAST_COMMIT)),
    "service.served_within": Violation(
        still, lambda e: unheard(e, "srv1/connecting", STARTED + 0.5, STARTED + 3.3)
    ),
    "unserved.audit": Violation(good, lambda e: unheard(e, "srv2/reader", STARTED, STARTED + 1.5)),
    "service.primary_stayed": Violation(still, role_again),
    "service.undisturbed": Violation(still, changed("srv2/session", STARTED, end=STARTED + 2)),
    "service.writers_undisturbed": Violation(
        still, changed("srv1/session", STARTED, outcome=FAILED)
    ),
    "service.served_by": Violation(good, served_by_another),
    "service.sessions_kept": Violation(still, changed("srv1/session", STARTED + 1, new=True)),
    "service.haproxy_went": Violation(
        still,
        lambda e: without(e, "servers", lambda each: each.states is None),
        also=("service.haproxy_back",),
    ),
    "service.haproxy_back": Violation(
        still, lambda e: without(e, "servers", lambda each: each.at > STARTED + 1)
    ),
    "service.open_sessions": Violation(
        pooled, changed(f"srv3/{POOLED_READER}", STARTED, outcome=UNKNOWN, new=False)
    ),
    "service.longest_pause": Violation(
        pooled, changed(f"srv3/{POOLED_READER}", STARTED, end=STARTED + 3)
    ),
    "crash.reported": Violation(crashed, lambda _: crashed(1.6)),
    "crash.one_gap": Violation(
        good, lambda e: unheard(e, "srv3/connecting", SETTLED - 1, SETTLED - 0.3)
    ),
    "crash.recovered": Violation(
        recovered, lambda e: without(e, "roles", lambda each: each.node == "srv3")
    ),
    "witness.primary_changed": Violation(happened, field(expected="srv1")),
    "witness.rebooted": Violation(
        happened, lambda e: replace(e, after={**e.after, "srv3": e.before["srv3"]})
    ),
    "witness.replaced": Violation(
        happened, lambda e: replace(e, after={**e.after, "srv1": e.before["srv1"]})
    ),
    "witness.silent": Violation(
        happened,
        lambda e: without(e, "servers", lambda each: each.states is None),
        also=("witness.silent_at",),
    ),
    "witness.silent_at": Violation(
        happened,
        lambda e: silent("srv1", 0.5)(without(e, "servers", lambda each: each.states is None)),
    ),
    "witness.became": Violation(
        happened,
        lambda e: without(e, "roles", lambda each: (each.node, each.role) == ("srv3", DOWN)),
    ),
    "witness.no_primary": Violation(
        happened,
        lambda e: without(
            e, "roles", lambda r: r.node == "srv1" and r.role != PRIMARY and r.at >= STARTED
        ),
    ),
    "witness.sighted": Violation(
        happened, lambda e: replace(e, sightings=tuple(s for s in e.sightings if s.at < STARTED))
    ),
    "witness.prepared": Violation(
        happened, lambda e: replace(e, sightings=tuple(s for s in e.sightings if s.at >= STARTED))
    ),
    "witness.disturbed": Violation(
        happened, lambda e: with_attempts(e, moved(calm()).seen.attempts)
    ),
}


def found(module: ModuleType) -> Iterator[str]:
    """Yields the audits of a module: functions of the evidence that return findings."""
    for name, function in inspect.getmembers(module, inspect.isfunction):
        signature = inspect.signature(function)
        returns = str(signature.return_annotation)
        if (
            function.__module__ == module.__name__
            and not name.startswith("_")
            and next(iter(signature.parameters), "") == "evidence"
            and returns in ("Finding", "list[Finding]")
        ):
            yield f"{module.__name__.rpartition('.')[2]}.{name}"


JUDGING = (audits, service, unserved, crash)
AUDITS = {name for module in JUDGING for name in found(module)}
WITNESSES = set(found(witness))


def fails(name: str, world: Evidence) -> bool:
    module, _, function = name.partition(".")
    modules = {each.__name__.rpartition(".")[2]: each for each in (*JUDGING, witness)}
    bound = BOUND.get(name) or getattr(modules[module], function)
    told: Finding | list[Finding] = bound(world)
    return not all(each.passed for each in (told if isinstance(told, list) else [told]))


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_fails_its_audit_and_no_other(name: str) -> None:
    violation = VIOLATIONS[name]
    panel = WITNESSES if name in WITNESSES else AUDITS
    world = violation.world()
    passing = {each for each in panel if not fails(each, world)}
    assert {name, *violation.also} <= passing
    spoilt = violation.insert(world)
    assert {each for each in passing if fails(each, spoilt)} == {name, *violation.also}


def test_every_audit_has_its_violation() -> None:
    assert set(VIOLATIONS) == AUDITS | WITNESSES
    assert {"audits.lost_rows", "unserved.audit"} <= AUDITS and len(AUDITS) > 25


def test_the_worlds_are_good() -> None:
    acks = {each.outcome for world in (good(), still(), pooled()) for each in world.seen.attempts}
    assert acks == {ACK}
