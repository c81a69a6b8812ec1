"""A switchover from srv1 to srv2 as it should be, made of records; tests spoil it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from paf_lab import access
from paf_lab.drill import facts, records
from paf_lab.drill.audits import Evidence, Finding
from paf_lab.drill.records import Attempt, Facts, LogLine, Records, RoleSeen, ServersSeen, Usage

Audit = Callable[[Evidence], Finding]
ADDRESSES = {"srv1": "10.0.0.1", "srv2": "10.0.0.2", "srv3": "10.0.0.3"}
OLD_LINE, NEW_LINE = "00000001", "00000002"
STARTED = 1000.0
LAST_COMMIT = 1001.0
OUT_OF_RECOVERY = 1002.5
SETTLED = 1005.0
ENDED = 1007.0
EVERY = 0.1
TOOK = 0.01


def attempt(client: str, sequence: int, start: float, **more: Any) -> Attempt:
    node, kind = client.split("/")
    fields: dict[str, Any] = {
        "new": kind != access.SESSION or sequence == 1,
        "session": start,
        "end": start + TOOK,
        "outcome": records.ACK,
    }
    if kind == access.READER:
        fields.update(server=ADDRESSES["srv3"], in_recovery=True)
    elif start < LAST_COMMIT:
        fields.update(server=ADDRESSES["srv1"], in_recovery=False, timeline=OLD_LINE)
    else:
        fields.update(server=ADDRESSES["srv2"], in_recovery=False, timeline=NEW_LINE)
    return Attempt(kind=kind, node=node, sequence=sequence, start=start, **{**fields, **more})


def attempts(client: str) -> list[Attempt]:
    """Every 100 ms; the write that meets the absence waits for its end."""
    found = []
    sequence, start = 1, STARTED - 3
    while start < ENDED:
        end = start + TOOK
        if not client.endswith(access.READER) and LAST_COMMIT - TOOK <= start < OUT_OF_RECOVERY:
            end = OUT_OF_RECOVERY + 0.05
            found.append(attempt(client, sequence, max(start, LAST_COMMIT), end=end))
        else:
            found.append(attempt(client, sequence, start))
        sequence, start = sequence + 1, max(start + EVERY, end)
    return found


def states(primary: str) -> dict[str, str]:
    found = {}
    for name in ADDRESSES:
        found[f"prod/{name}"] = "ready up" if name == primary else "maint down"
        found[f"stdby/{name}"] = "maint down" if name == primary else "ready up"
    return found


def told(*fresh: str, boot: str = "a") -> Facts:
    """What a node says of itself; the programs in `fresh` are processes that were not there."""
    programs = (facts.HAPROXY, facts.WORKER, facts.POSTGRES, *facts.PROGRAMS)
    pids = {name: frozenset({number + 100}) for number, name in enumerate(programs)}
    return Facts(boot, {**pids, **{name: frozenset({900}) for name in fresh}})


def good() -> Evidence:
    clients = frozenset(f"{node}/{kind}" for node in ADDRESSES for kind in access.KINDS)
    every = tuple(each for client in sorted(clients) for each in attempts(client))
    roles = [
        RoleSeen("srv1", STARTED - 5, None, records.PRIMARY),
        RoleSeen("srv2", STARTED - 5, None, records.STANDBY),
        RoleSeen("srv3", STARTED - 5, None, records.STANDBY),
        RoleSeen("srv1", LAST_COMMIT + 0.1, LAST_COMMIT, records.DOWN),
        RoleSeen("srv1", LAST_COMMIT + 1, LAST_COMMIT + 0.9, records.STANDBY),
        RoleSeen("srv2", OUT_OF_RECOVERY, OUT_OF_RECOVERY - 0.01, records.PRIMARY),
    ]
    servers = [ServersSeen(name, STARTED - 5, None, states("srv1")) for name in ADDRESSES]
    for place, name in enumerate(ADDRESSES):
        at = OUT_OF_RECOVERY + 0.01 * (place + 1)
        servers.append(ServersSeen(name, at, at - 0.01, states("srv2")))
    usage = tuple(Usage(name, 1.0, 20.0) for name in ADDRESSES)
    orders = [
        f"Initiating demote operation {name}_demote_0 on srv1" for name in ("haproxy", "pgsqld")
    ]
    log = (
        LogLine("srv2", STARTED + 0.2, "paf-haproxy", "pre-demote: primary srv1 leaving"),
        LogLine("srv3", STARTED + 0.3, "pacemaker-controld", orders[0]),
        LogLine("srv3", LAST_COMMIT - 0.3, "pacemaker-controld", orders[1]),
    )
    rows = {
        (each.client, each.sequence): min(each.end, LAST_COMMIT)
        if each.server == ADDRESSES["srv1"]
        else each.end
        for each in every
        if each.writes
    }
    rows["srv1/connecting", 0] = LAST_COMMIT
    return Evidence(
        seen=Records(every, tuple(roles), tuple(servers), usage, log),
        addresses=ADDRESSES,
        clients=clients,
        primary="srv1",
        expected="srv2",
        started=STARTED,
        settled=SETTLED,
        trouble="",
        rows=rows,
        fencings=0,
        receivers=dict.fromkeys(ADDRESSES, "127.0.0.1:5437"),
        before=dict.fromkeys(ADDRESSES, told()),
        after=dict.fromkeys(ADDRESSES, told()),
    )


def spoil(evidence: Evidence, client: str, after: float, **change: Any) -> Evidence:
    """Returns the evidence with the client's first attempt after a moment changed."""
    seen = list(evidence.seen.attempts)
    for place, each in enumerate(seen):
        if each.client == client and each.start >= after:
            seen[place] = replace(each, **change)
            return replace(evidence, seen=replace(evidence.seen, attempts=tuple(seen)))
    raise AssertionError(f"{client} made no attempt after {after}")


def still() -> Evidence:
    """Nothing happens but that HAProxy on srv1 is away for 3 s: PostgreSQL stays on srv1."""
    world = good()
    every = tuple(
        attempt(each.client, each.sequence, each.start, server=ADDRESSES["srv1"], timeline=OLD_LINE)
        if each.writes
        else each
        for each in world.seen.attempts
    )
    servers = [ServersSeen(name, STARTED - 5, None, states("srv1")) for name in ADDRESSES]
    servers.append(ServersSeen("srv1", STARTED + 0.5, STARTED + 0.49, None))
    servers.append(ServersSeen("srv1", STARTED + 3.49, STARTED + 3.48, states("srv1")))
    seen = replace(world.seen, attempts=every, roles=world.seen.roles[:3], servers=tuple(servers))
    after = {**world.after, "srv1": told(facts.HAPROXY, facts.WORKER)}
    return replace(world, seen=seen, expected="srv1", after=after)


def fails(audit: Audit, evidence: Evidence) -> Finding:
    finding = audit(evidence)
    assert not finding.passed, finding
    return finding
