"""Good runs, and what spoils them: for the tests of the audits (test_drill_violations.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from paf_lab.access import POOLED_KINDS
from paf_lab.drill import crash
from paf_lab.drill.audits import Evidence
from paf_lab.drill.records import PRIMARY, Attempt, LogLine, RoleSeen
from tests.unit.drill_world import ADDRESSES, OUT_OF_RECOVERY, STARTED, attempts, good, spoil
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

PROGRAM, WORD = "HAProxy", "seen"


def pooled() -> Evidence:
    more = [a for node in ADDRESSES for kind in POOLED_KINDS for a in attempts(f"{node}/{kind}")]
    return with_attempts(good(), (*good().seen.attempts, *more))


def crashed(after: float = 0.5) -> Evidence:
    text = f"PostgreSQL on srv1 has crashed: {crash.REPORTED}, which shows"
    log = (LogLine("srv1", STARTED + after, "paf-haproxy", text),)
    return replace(good(), seen=replace(good().seen, log=log))


def recovered() -> Evidence:
    return role("srv3", PRIMARY, OUT_OF_RECOVERY)(good())


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
