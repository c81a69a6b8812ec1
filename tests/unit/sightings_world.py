"""A cluster to which nothing happens, and what is seen if something does: tests put it together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from paf_lab.access import POOLED
from paf_lab.drill.audits import Evidence
from paf_lab.drill.drill import Drill
from paf_lab.drill.records import (
    DOWN,
    UP,
    Facts,
    LogLine,
    RoleSeen,
    ServersSeen,
    Sighting,
)
from paf_lab.drill.settings import Settings
from tests.unit.drill_world import (
    ADDRESSES,
    LAST_COMMIT,
    OUT_OF_RECOVERY,
    STARTED,
    attempt,
    good,
    states,
    still,
    told,
)

Seen = Callable[[Evidence], Evidence]
FIRST, STANDBY, LAST = ADDRESSES


def calm() -> Evidence:
    """Nothing happens at all: what a control sees."""
    world = still()
    servers = tuple(each for each in world.seen.servers if each.at < STARTED)
    seen = replace(world.seen, servers=servers)
    return replace(world, seen=seen, after=dict.fromkeys(ADDRESSES, told()))


def moved(world: Evidence) -> Evidence:
    """The primary goes from srv1 to srv2; it comes before all others."""
    return replace(world, seen=good().seen, expected=good().expected, rows=good().rows)


def booted(*names: str) -> Seen:
    def see(world: Evidence) -> Evidence:
        fresh = {name: Facts("b", world.after[name].processes) for name in names or ADDRESSES}
        return replace(world, after={**world.after, **fresh})

    return see


def fresh(program: str, *names: str) -> Seen:
    """The program is another process on these nodes, or on all."""

    def see(world: Evidence) -> Evidence:
        after = dict(world.after)
        for name in names or ADDRESSES:
            pids = {**after[name].processes, program: frozenset({901})}
            after[name] = replace(after[name], processes=pids)
        return replace(world, after=after)

    return see


def sight(what: str, *names: str, number: int = 1, at: float = STARTED + 0.1) -> Seen:
    def see(world: Evidence) -> Evidence:
        more = tuple(Sighting(at, name, what, number) for name in names or ADDRESSES)
        return replace(world, sightings=(*world.sightings, *more))

    return see


def servers(node: str, at: float, now: Any) -> Seen:
    def see(world: Evidence) -> Evidence:
        more = (*world.seen.servers, ServersSeen(node, at, at - 0.01, now))
        found = tuple(sorted(more, key=lambda each: each.at))
        return replace(world, seen=replace(world.seen, servers=found))

    return see


def silent(node: str, seconds: float = 6.0) -> Seen:
    def see(world: Evidence) -> Evidence:
        world = servers(node, STARTED + 0.5, None)(world)
        return servers(node, STARTED + 0.5 + seconds, states(world.expected))(world)

    return see


def up(node: str, server: str) -> Seen:
    return servers(node, STARTED + 1, {**states(FIRST), server: UP})


def role(node: str, now: str = DOWN, at: float = STARTED + 0.2) -> Seen:
    def see(world: Evidence) -> Evidence:
        roles = (*world.seen.roles, RoleSeen(node, at, at - 0.01, now))
        return replace(world, seen=replace(world.seen, roles=roles))

    return see


def logged(text: str, at: float = LAST_COMMIT) -> Seen:
    def see(world: Evidence) -> Evidence:
        log = (*world.seen.log, LogLine(STANDBY, at, "pacemaker-controld", text))
        return replace(world, seen=replace(world.seen, log=log))

    return see


def attempted(client: str, seconds: float = 0.01) -> Seen:
    def see(world: Evidence) -> Evidence:
        start = OUT_OF_RECOVERY
        one = attempt(client, 1, start, end=start + seconds)
        return replace(world, seen=replace(world.seen, attempts=(*world.seen.attempts, one)))

    return see


def waited(node: str) -> Seen:
    """No writer of the node is served for 6 s from the event on."""

    def see(world: Evidence) -> Evidence:
        kept = tuple(
            each
            for each in world.seen.attempts
            if not (each.node == node and each.writes and STARTED <= each.end < STARTED + 6)
        )
        return replace(world, seen=replace(world.seen, attempts=kept))

    return see


def pooled(seconds: float) -> Seen:
    return attempted(f"{FIRST}/{POOLED}", seconds)


def readied(drill: Drill) -> Drill:
    """Returns the drill as it is when its clients are at work: it knows its victim."""
    node = SimpleNamespace(run=lambda *_, **__: SimpleNamespace(returncode=0, stdout=""))
    names = list(ADDRESSES)
    stage: Any = SimpleNamespace(
        primary=FIRST,
        names=names,
        nodes=dict.fromkeys(names, node),
        anyone=node,
        settings=Settings(),
        addresses=ADDRESSES,
    )
    drill.expected(stage)
    return drill
