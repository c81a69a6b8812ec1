"""Figures, on a switchover whose times are known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from paf_lab.access import CONNECTING, SESSION
from paf_lab.drill import figures
from paf_lab.drill.records import Records, ServersSeen
from tests.unit.drill_world import (
    ADDRESSES,
    LAST_COMMIT,
    OUT_OF_RECOVERY,
    STARTED,
    TOOK,
    good,
    states,
    still,
)


def change() -> figures.Change:
    found = good().change
    assert found is not None
    return found


def test_absence_starts_with_the_last_commit_that_postgresql_noted() -> None:
    assert change() == figures.Change("srv1", "srv2", LAST_COMMIT, OUT_OF_RECOVERY)
    assert change().absence == pytest.approx(1.5)


def test_absence_starts_with_the_last_ack_where_commits_are_not_noted() -> None:
    world = good()
    world = replace(world, rows=dict.fromkeys(world.rows))
    acks = [
        each.end
        for each in figures.acknowledged(world.seen.attempts)
        if each.server == ADDRESSES["srv1"]
    ]
    assert world.change is not None
    assert world.change.last_commit == max(acks)


def test_commits_on_the_new_primary_are_not_the_old_one_s() -> None:
    found = figures.change(
        good().seen, "srv1", "srv2", ADDRESSES, STARTED, [LAST_COMMIT, OUT_OF_RECOVERY + 1]
    )
    assert found is not None
    assert found.last_commit == LAST_COMMIT


def test_no_change_of_primary() -> None:
    assert still().change is None
    assert figures.change(good().seen, "srv1", "srv3", ADDRESSES, STARTED) is None
    assert figures.change(good().seen, "srv1", "srv2", ADDRESSES, OUT_OF_RECOVERY + 1) is None
    assert figures.change(Records(), "srv1", "srv2", ADDRESSES, 0) is None


@pytest.mark.parametrize("kind", [CONNECTING, SESSION])
def test_outage_is_from_the_last_ack_of_the_old_to_the_first_of_the_new(kind: str) -> None:
    found = figures.outages(good().seen, change(), ADDRESSES, kind)
    assert set(found) == {f"{node}/{kind}" for node in ADDRESSES}
    for outage in found.values():
        # At 100 ms a write, the last ack is up to 190 ms before the last commit.
        assert 1.5 + 0.05 <= outage.length <= 1.5 + 0.05 + 0.2
        assert outage.first == pytest.approx(OUT_OF_RECOVERY + 0.05)


def test_an_outage_without_an_end_is_endless() -> None:
    world = good()
    kept = tuple(each for each in world.seen.attempts if each.end < OUT_OF_RECOVERY)
    found = figures.outages(replace(world.seen, attempts=kept), change(), ADDRESSES)
    assert {outage.length for outage in found.values()} == {math.inf}


def test_an_ack_of_the_new_primary_proves_that_it_is_one() -> None:
    world = good()
    late = tuple(
        replace(role, at=OUT_OF_RECOVERY + 0.2) if role.at == OUT_OF_RECOVERY else role
        for role in world.seen.roles
    )
    found = figures.change(
        replace(world.seen, roles=late), "srv1", "srv2", ADDRESSES, STARTED, [LAST_COMMIT]
    )
    assert found is not None
    assert found.out_of_recovery == pytest.approx(OUT_OF_RECOVERY + 0.05)


def test_route_delay_of_every_node() -> None:
    found = figures.route_delays(good().seen, change(), ADDRESSES)
    assert found == {name: pytest.approx(0.01 * n) for n, name in enumerate(ADDRESSES, 1)}


def test_route_delay_counts_only_ready_and_up() -> None:
    world = good()
    almost = {**states("srv2"), "prod/srv2": "ready down"}
    servers = (ServersSeen("srv1", OUT_OF_RECOVERY, None, almost), *world.seen.servers[3:])
    found = figures.route_delays(replace(world.seen, servers=servers), change(), ADDRESSES)
    assert found["srv1"] == pytest.approx(0.01)


def test_a_haproxy_that_never_leads_there_is_endlessly_late() -> None:
    world = good()
    servers = world.seen.servers[:3]
    found = figures.route_delays(replace(world.seen, servers=servers), change(), ADDRESSES)
    assert set(found.values()) == {math.inf}


def test_stalls() -> None:
    found = figures.stalls(good().seen)
    assert found["srv1/reader"] == pytest.approx(0.1)
    assert 1.55 <= found["srv1/session"] <= 1.75
    assert figures.stalls(good().seen, since=OUT_OF_RECOVERY + 1)["srv1/session"] < 0.2


def test_outcomes_count_what_was_held_too() -> None:
    found = figures.outcomes(good().seen.attempts)
    assert found[CONNECTING]["held"] == 3
    assert "held" not in found["reader"]
    assert sum(found["reader"].values()) > 250


def test_cpu_share_is_of_one_core_for_all_clients_together() -> None:
    assert figures.cpu_share(good().seen) == pytest.approx(3 * 1.0 / 20.0)


def test_median_and_percentile() -> None:
    assert figures.median([3, 1, 2]) == 2
    assert figures.median([4, 1, 2, 3]) == 2.5
    assert math.isnan(figures.median([]))
    hundred = list(range(1, 101))
    assert figures.percentile(hundred, 0.95) == 95
    assert figures.percentile([7.0], 0.95) == 7.0
    # Nearest rank: of 30, the 29th.
    assert figures.percentile(list(range(1, 31)), 0.95) == 29
    assert math.isnan(figures.percentile([], 0.95))


def test_the_fixture_takes_ten_milliseconds_a_write() -> None:
    assert TOOK == 0.01
