"""A violation that is put into a good run fails its audit, and no other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import pytest

from paf_lab.access import POOLED_READER
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
)
from tests.unit.drill_world import (
    ADDRESSES,
    LAST_COMMIT,
    NEW_LINE,
    OUT_OF_RECOVERY,
    SETTLED,
    STARTED,
    good,
    still,
)
from tests.unit.sightings_world import (
    calm,
    moved,
    silent,
)
from tests.unit.violations_world import (
    PROGRAM,
    WORD,
    changed,
    crashed,
    field,
    happened,
    no_row,
    pooled,
    recovered,
    role_again,
    served_by_another,
    unheard,
    with_attempts,
    without,
)

Bound = Callable[[Evidence], Any]
OTHERS = frozenset({"srv2", "srv3"})


BOUND: Mapping[str, Bound] = {
    "service.ratio": lambda e: service.ratio(e, 1.3),
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
