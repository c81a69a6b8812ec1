"""Every audit passes on a good run, and each can fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from paf_lab.drill import audits, service
from paf_lab.drill.records import FAILED, MISROUTED, REFUSED, UNKNOWN, RoleSeen
from tests.unit.drill_world import (
    ADDRESSES,
    ENDED,
    LAST_COMMIT,
    NEW_LINE,
    OLD_LINE,
    OUT_OF_RECOVERY,
    SETTLED,
    STARTED,
    Audit,
    attempt,
    fails,
    good,
    spoil,
    still,
)

SWITCHOVER: list[Audit] = [
    audits.whole_again,
    audits.clients_ran,
    service.new_connections,
    audits.misrouted_writes,
    audits.misrouted_reads,
    audits.lost_rows,
    audits.one_primary,
    audits.one_timeline,
    audits.fencings,
    audits.moved,
    lambda evidence: service.ratio(evidence, 1.3),
    audits.failed_over,
    audits.replication,
    audits.tidy,
    lambda evidence: service.served_again(evidence, 0.5),
    lambda evidence: service.served_within(evidence, 3.0),
    lambda evidence: service.new_connections(evidence, 1),
]
STILL: list[Audit] = [
    service.primary_stayed,
    audits.moved,
    lambda evidence: service.haproxy_went(evidence, "srv1"),
    lambda evidence: service.haproxy_back(evidence, "srv1", 6),
    lambda evidence: service.undisturbed(evidence, frozenset({"srv2", "srv3"})),
]


@pytest.mark.parametrize("audit", SWITCHOVER)
def test_a_good_switchover_passes(audit: Audit) -> None:
    finding = audit(good())
    assert finding.passed, finding


@pytest.mark.parametrize("audit", STILL)
def test_a_good_kill_of_haproxy_passes(audit: Audit) -> None:
    finding = audit(still())
    assert finding.passed, finding


@pytest.mark.parametrize("audit", SWITCHOVER[1:7] + SWITCHOVER[9:11] + STILL)
def test_what_saw_nothing_says_nothing(audit: Audit) -> None:
    """With clients_ran beside it, no verdict on an empty run is a pass."""
    world = good()
    empty = replace(world, seen=replace(world.seen, attempts=(), roles=(), servers=()))
    assert not (audit(empty).passed and audits.clients_ran(empty).passed)


def test_trouble_fails() -> None:
    finding = fails(audits.whole_again, replace(good(), trouble="srv3 not streaming"))
    assert finding.value == "srv3 not streaming"


@pytest.mark.parametrize("gone", ["before", "after"])
def test_a_client_that_did_not_work_fails(gone: str) -> None:
    world = good()
    kept = tuple(
        each
        for each in world.seen.attempts
        if each.client != "srv3/reader" or (each.start >= STARTED) == (gone == "before")
    )
    finding = fails(audits.clients_ran, replace(world, seen=replace(world.seen, attempts=kept)))
    assert "srv3/reader" in finding.detail


def test_a_client_that_nobody_heard_of_fails() -> None:
    world = good()
    fails(audits.clients_ran, replace(world, clients=world.clients | {"srv9/session"}))
    fails(audits.clients_ran, replace(world, clients=frozenset()))


@pytest.mark.parametrize("outcome", [REFUSED, FAILED, UNKNOWN])
@pytest.mark.parametrize("client", ["srv2/connecting", "srv2/reader"])
def test_a_new_connection_that_got_no_answer_fails(client: str, outcome: str) -> None:
    world = spoil(good(), client, LAST_COMMIT, outcome=outcome)
    finding = fails(service.new_connections, world)
    assert client in finding.detail


def test_a_reconnect_is_a_new_connection() -> None:
    world = spoil(good(), "srv2/session", OUT_OF_RECOVERY, outcome=REFUSED, new=True)
    fails(service.new_connections, world)


def test_a_session_that_the_switchover_ended_is_no_new_connection() -> None:
    world = spoil(good(), "srv2/session", LAST_COMMIT, outcome=UNKNOWN, new=False)
    assert service.new_connections(world).passed


def test_a_write_sent_to_a_standby_fails() -> None:
    world = spoil(good(), "srv1/session", SETTLED, outcome=MISROUTED)
    fails(audits.misrouted_writes, world)
    assert audits.misrouted_reads(world).passed


def test_a_read_answered_by_a_primary_fails() -> None:
    world = spoil(good(), "srv1/reader", SETTLED, outcome=MISROUTED)
    fails(audits.misrouted_reads, world)
    assert audits.misrouted_reads(world, 1).passed
    assert audits.misrouted_writes(world).passed


def test_a_lost_row_fails() -> None:
    world = good()
    rows = dict(world.rows)
    del rows["srv2/connecting", 7]
    finding = fails(audits.lost_rows, replace(world, rows=rows))
    assert "srv2/connecting #7" in finding.detail


def test_an_unread_table_fails() -> None:
    fails(audits.lost_rows, replace(good(), rows={}))


def test_the_old_primary_acknowledging_late_fails() -> None:
    late = {"server": ADDRESSES["srv1"], "timeline": OLD_LINE}
    world = spoil(good(), "srv3/session", SETTLED, **late)
    fails(audits.one_primary, world)
    fails(audits.one_timeline, world)


def test_two_timelines_on_one_server_fail() -> None:
    world = spoil(good(), "srv3/session", STARTED, timeline=NEW_LINE)
    fails(audits.one_timeline, world)


def test_a_fencing_fails() -> None:
    fails(audits.fencings, replace(good(), fencings=1))


def test_a_primary_elsewhere_fails() -> None:
    finding = fails(audits.moved, replace(good(), expected="srv3"))
    assert (finding.value, finding.bar) == ("srv2", "srv3")


def test_a_long_outage_fails() -> None:
    world = good()
    first = next(
        each
        for each in world.seen.attempts
        if each.client == "srv2/connecting" and each.end >= OUT_OF_RECOVERY
    )
    kept = tuple(
        replace(each, outcome=REFUSED)
        if each.client == first.client and first.start <= each.start < first.end + 1
        else each
        for each in world.seen.attempts
    )
    world = replace(world, seen=replace(world.seen, attempts=kept))
    fails(lambda evidence: service.ratio(evidence, 1.3), world)


def test_pafs_switchover_begins_with_the_order_to_demote_postgresql() -> None:
    assert service.paf_switchover(good()) == pytest.approx(1.8)
    world = good()
    world = replace(world, seen=replace(world.seen, log=world.seen.log[:1]))
    fails(lambda evidence: service.ratio(evidence, 1.3), world)


def test_a_change_that_was_not_seen_has_no_ratio() -> None:
    fails(lambda evidence: service.ratio(evidence, 1.3), still())


@pytest.mark.parametrize(
    "more",
    [RoleSeen("srv2", STARTED + 1, STARTED, "primary"), RoleSeen("srv1", 1001, 1000, "down")],
)
def test_a_change_of_role_is_no_staying(more: RoleSeen) -> None:
    world = still()
    roles = (*world.seen.roles, more)
    fails(service.primary_stayed, replace(world, seen=replace(world.seen, roles=roles)))


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": REFUSED},
        {"end": STARTED + 2},
        {"new": True},
    ],
)
def test_a_disturbed_client_fails(change: dict[str, Any]) -> None:
    nodes = frozenset({"srv2", "srv3"})
    world = spoil(still(), "srv2/session", STARTED, **change)
    fails(lambda evidence: service.undisturbed(evidence, nodes), world)
    assert service.undisturbed(world, frozenset({"srv3"})).passed


def test_a_disturbance_before_the_event_does_not_count() -> None:
    world = spoil(still(), "srv2/session", STARTED - 2, outcome=REFUSED)
    assert service.undisturbed(world, frozenset({"srv2"})).passed


def test_a_haproxy_that_was_not_away_fails() -> None:
    fails(lambda evidence: service.haproxy_went(evidence, "srv2"), still())
    fails(lambda evidence: service.haproxy_back(evidence, "srv2", 6), still())


def test_a_haproxy_that_comes_back_late_fails() -> None:
    finding = fails(lambda evidence: service.haproxy_back(evidence, "srv1", 2.5), still())
    assert finding.value == "3.00 s"


def test_a_haproxy_that_never_comes_back_fails() -> None:
    world = still()
    servers = world.seen.servers[:-1]
    world = replace(world, seen=replace(world.seen, servers=servers))
    fails(lambda evidence: service.haproxy_back(evidence, "srv1", 6), world)


def test_unknown_writes_are_told_apart() -> None:
    world = spoil(good(), "srv1/session", LAST_COMMIT, outcome=UNKNOWN)
    assert audits.unknown_rows(world) == (1, 0)
    world = replace(world, rows={})
    assert audits.unknown_rows(world) == (0, 1)


def test_the_world_ends_when_it_should() -> None:
    """The fixture's own promise: attempts up to the end, one a client across the absence."""
    for client in good().clients:
        mine = [each for each in good().seen.attempts if each.client == client]
        assert mine[-1].end > ENDED - 0.2
        assert [each.sequence for each in mine] == list(range(1, len(mine) + 1))
    assert attempt("srv1/reader", 1, 0).in_recovery


def test_a_primary_that_should_have_moved_and_did_not() -> None:
    assert fails(audits.failed_over, still()).value == "srv1 -> srv1"


def test_a_standby_that_goes_round_haproxy() -> None:
    world = replace(good(), receivers={"srv1": "10.0.0.2:5434", "srv3": "127.0.0.1:5437"})
    finding = fails(audits.replication, world)
    assert (finding.value, finding.detail) == ("1 of 2", "srv1 from 10.0.0.2:5434")
    assert fails(audits.replication, replace(world, receivers={})).value == "0 of 2"


def test_something_left_over() -> None:
    finding = fails(audits.tidy, replace(good(), leftovers=("srv1: file reload-due",)))
    assert finding.detail == "srv1: file reload-due"


def test_what_a_person_had_to_repair() -> None:
    repaired = replace(good(), repairs=("srv1: instance copied from srv2",))
    assert audits.repairs(good()).passed and audits.repairs(repaired, 1).passed
    found = fails(audits.repairs, repaired)
    assert (found.value, found.bar, found.detail) == ("1", "0", "srv1: instance copied from srv2")
