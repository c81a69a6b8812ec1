"""A drill says that its fault took place if all of it was seen, and not if a part is missing."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from paf_lab.drill import commands, facts, witness
from paf_lab.drill.drill import Drill
from paf_lab.drill.faults import (
    DRILLS,
    cluster,
    combined,
    faults_named,
    fencing,
    haproxy,
    network,
    notify,
    pooler,
    postgres,
    run_files,
    upgrade,
)
from paf_lab.drill.records import DOWN, PRIMARY
from paf_lab.node import SPARE
from tests.unit.drill_world import ADDRESSES, LAST_COMMIT, OUT_OF_RECOVERY, STARTED
from tests.unit.sightings_world import (
    FIRST,
    LAST,
    STANDBY,
    Seen,
    attempted,
    booted,
    calm,
    fresh,
    logged,
    moved,
    pooled,
    readied,
    role,
    servers,
    sight,
    silent,
    up,
    waited,
)

BEFORE = STARTED - 1
STOPPED = (sight(haproxy.STOPPED, FIRST), silent(FIRST))
SEEN: dict[str, tuple[Seen, ...]] = {
    "switchover": (moved,),
    "switchover-command": (moved,),
    "slow-transactions": (moved, pooled(0.4)),
    "long-transactions": (moved, sight(pooler.LONG, FIRST, number=3, at=BEFORE)),
    "pooler-faults": (
        moved,
        sight(pooler.OUT_OF_ORDER, FIRST, at=BEFORE),
        sight(pooler.OUT_OF_ORDER, STANDBY, at=BEFORE),
        sight(pooler.KILLED, LAST),
        fresh(facts.POOLER, LAST),
    ),
    "ban": (silent(FIRST),),
    "node-standby": (moved, sight(cluster.STANDBY, FIRST)),
    "maintenance": (fresh(facts.PACEMAKER), fresh(facts.COROSYNC)),
    "reload": (sight(cluster.RELOADED), fresh(facts.WORKER)),
    "upgrade": (sight(upgrade.UPGRADED), fresh(facts.WORKER)),
    "rolling-restart": (booted(FIRST), booted(STANDBY), booted(LAST)),
    "fourth-node": (
        *(up(name, f"stdby/{SPARE.name}") for name in ADDRESSES),
        fresh(facts.WORKER),
    ),
    "proxy-node": (moved, attempted(f"{SPARE.name}/connecting")),
    "kill-haproxy": (fresh(facts.WORKER, FIRST), silent(FIRST, 0.2)),
    "kill-haproxy-master": (fresh(facts.HAPROXY, FIRST), silent(FIRST, 0.2)),
    "kill-haproxy-standby": (fresh(facts.WORKER, STANDBY), silent(STANDBY, 0.2)),
    "stop-haproxy": STOPPED,
    "stop-haproxy-standby": (sight(haproxy.STOPPED, STANDBY), silent(STANDBY)),
    "broken-template": (
        sight(haproxy.BROKEN, FIRST, number=2),
        fresh(facts.WORKER, FIRST),
        silent(FIRST, 0.2),
    ),
    "kill-postgres": (fresh(facts.POSTGRES, FIRST), role(FIRST)),
    "kill-postgres-standby": (fresh(facts.POSTGRES, STANDBY), role(STANDBY)),
    "stop-postgres": (sight(postgres.STOPPED, FIRST), fresh(facts.POSTGRES, FIRST)),
    "wal-full": (sight(postgres.FULL, FIRST), role(FIRST)),
    "poweroff": (booted(FIRST),),
    "poweroff-standby": (booted(STANDBY),),
    "poweroff-dc": (booted(LAST),),
    "fencing-fails": (booted(FIRST), sight(fencing.REFUSED, FIRST)),
    "isolate": (booted(FIRST), sight(network.UNHEARD, FIRST, number=2)),
    "one-way": (sight(network.UNHEARD, FIRST, number=2),),
    "port-cut": (
        sight(network.REACHABLE, STANDBY),
        sight(network.UNREACHABLE, STANDBY, number=2),
        waited(STANDBY),
    ),
    "quorum-lost": (sight(network.UNHEARD), role(FIRST)),
    "kill-corosync": (booted(FIRST),),
    **{
        f"kill-{daemon.removeprefix('pacemaker-')}": (fresh(daemon, FIRST),)
        for daemon in commands.DAEMONS
    },
    "lost-notify": (moved, sight(notify.TAMPERED, LAST)),
    "hanging-notify": (moved, sight(notify.TAMPERED, LAST)),
    "forgotten-promotion": (
        moved,
        sight(notify.TAMPERED, LAST),
        sight(notify.FORGOTTEN, FIRST),
    ),
    "role-files": (moved, sight(run_files.SPOILT), sight(run_files.SPOILT)),
    "run-full": (sight(run_files.FULL, STANDBY), sight(run_files.FULL, STANDBY)),
    "stray-primary": (role(STANDBY, PRIMARY),),
    "double-failure": (moved, booted(FIRST), servers(STANDBY, STARTED + 0.1, None)),
    "slow-promote": (
        moved,
        booted(FIRST),
        sight(combined.BEHIND, STANDBY, LAST, number=200),
        logged(combined.ORDER),
    ),
}
"""What is seen of each fault. flood: test_drill_answers.py."""


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a drill asks the cluster for before it begins."""
    monkeypatch.setattr(commands, "monitor_interval", lambda *_: 4.0)
    monkeypatch.setattr(commands, "status", lambda node: SimpleNamespace(dc=LAST))


def fault(name: str, seen: tuple[Seen, ...]) -> bool:
    (make,) = faults_named([name])
    world = calm()
    for see in seen:
        world = see(world)
    return readied(make()).fault(world).passed


@pytest.mark.parametrize("name", SEEN)
def test_the_fault_was_seen(name: str) -> None:
    assert fault(name, SEEN[name])


@pytest.mark.parametrize(
    ("name", "missing"),
    [(name, place) for name, seen in SEEN.items() for place in range(len(seen))],
)
def test_a_part_of_the_fault_is_missing(name: str, missing: int) -> None:
    seen = SEEN[name]
    assert not fault(name, seen[:missing] + seen[missing + 1 :])


@pytest.mark.parametrize("make", DRILLS, ids=lambda make: make.name)
def test_nothing_happened(make: type[Drill]) -> None:
    """As in a control: the verdict can be given, with one line about the fault, which fails."""
    found = [each for each in readied(make()).judge(calm()) if each.name == witness.FAULT]
    assert [each.passed for each in found] == [False]


def test_the_program_was_not_there_before() -> None:
    world = calm()
    gone = {name: replace(each, processes={}) for name, each in world.before.items()}
    world = fresh(facts.WORKER)(replace(world, before=gone))
    assert not witness.replaced(world, facts.WORKER, FIRST).passed


def test_a_node_that_stayed_off() -> None:
    world = replace(calm(), after={})
    assert witness.rebooted(world, FIRST).passed
    assert witness.replaced(world, facts.POSTGRES, FIRST).passed
    assert not witness.rebooted(replace(world, before={}), FIRST).passed


def test_nobody_was_looked_at() -> None:
    assert not witness.every().passed
    assert not witness.rebooted(calm()).passed
    assert not witness.replaced(calm(), facts.WORKER).passed
    assert not witness.sighted(calm(), "x", ()).passed


def test_what_was_seen_before_the_event_is_no_witness() -> None:
    world = sight("x", FIRST, at=BEFORE)(calm())
    assert not witness.sighted(world, "x", (FIRST,)).passed
    assert witness.prepared(world, "x", FIRST).passed
    assert not witness.became(role(FIRST, at=BEFORE)(calm()), FIRST, DOWN).passed


def test_a_silence_up_to_the_end() -> None:
    world = servers(FIRST, STARTED + 1, None)(calm())
    assert witness.silent(world, FIRST, 100).passed
    assert witness.silent_at(world, FIRST, OUT_OF_RECOVERY).passed
    assert not witness.silent_at(world, FIRST, STARTED).passed


def test_a_promotion_that_was_not_slow() -> None:
    world = logged(combined.ORDER, OUT_OF_RECOVERY - 0.3)(moved(calm()))
    assert not combined.promoted_slowly(world).passed
    assert combined.promoted_slowly(logged(combined.ORDER, LAST_COMMIT)(moved(calm()))).passed


def test_the_value_names_what_is_missing() -> None:
    found = readied(faults_named(["kill-haproxy"])[0]()).fault(silent(FIRST)(calm()))
    assert found.value == "HAProxy on srv1: still there, or was not there before"
