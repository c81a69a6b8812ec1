"""A subscription whose publisher is the cluster, through port 5432. Before PostgreSQL 17 its slot
does not survive a change of primary: docs/logical.md says what to do.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from paf_lab import handbook
from tests.func.conftest import Pair, address
from tests.func.test_traffic import switch_over
from tests.tools import ROOT
from tests.tools.instance import Instance
from tests.tools.node import PROD, Cluster, Node
from tests.tools.waiting import always, eventually

COUNT = "SELECT count(*) FROM t"
SLOTS = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'sub'"
SENDER = "SELECT pid FROM pg_stat_replication WHERE application_name = 'sub'"
TABLE = "CREATE TABLE t (node text, at timestamptz)"
MISSING = 'replication slot "sub" does not exist'


def insert(instance: Instance) -> None:
    instance.sql("INSERT INTO t VALUES ('x')")


def statements(what: str, **replaced: str) -> list[str]:
    """Returns the statements of the block of docs/logical.md that contains a text. replaced: what
    stands for the value of CONNECTION.
    """
    page = (ROOT / "docs" / "logical.md").read_text()
    (block,) = [each for each in handbook.blocks(page) if what in each.text]
    connection = replaced.get("connection", "")
    return [re.sub(r"(?<=CONNECTION ')[^']*", connection, line) for line in block.commands]


@pytest.fixture
def publisher(cluster: Cluster, fresh: Pair) -> Cluster:
    """Two nodes that can publish, and HAProxy on both."""
    for instance in fresh.all:
        instance.stop()
        instance.configure("wal_level = logical\n")
        instance.start()
    cluster.start()
    fresh.srv1.sql("CREATE PUBLICATION pub FOR TABLE t")
    return cluster


def through(node: Node) -> str:
    """Returns how a subscriber reaches the primary through the HAProxy of a node."""
    return f"host={node.address} port={PROD} user=postgres dbname=postgres"


@pytest.fixture
def subscriber(publisher: Cluster, directory: Path) -> Iterator[Instance]:
    """An instance of its own, which reaches the primary through srv2's HAProxy."""
    made = Instance("subscriber", address(14), directory / "subscriber")
    made.build()
    made.start()
    made.sql(TABLE)
    made.sql(f"CREATE SUBSCRIPTION sub CONNECTION '{through(publisher.srv2)}' PUBLICATION pub")
    yield made
    made.stop("immediate")
    shutil.rmtree(directory / "subscriber")


def test_it_streams_through_a_reload_of_haproxy(publisher: Cluster, subscriber: Instance) -> None:
    srv1, srv2 = publisher.nodes
    insert(srv1.postgres)
    eventually(lambda: subscriber.sql(COUNT) == 1, "the row is there", 20)
    before = srv1.postgres.sql(SENDER)
    assert before
    srv2.params["maxconn"] = "1234"
    srv2.do("reload")
    insert(srv1.postgres)
    eventually(lambda: subscriber.sql(COUNT) == 2, "the next row is there", 20)
    assert srv1.postgres.sql(SENDER) == before, "on the same session"


def test_after_a_switchover_the_subscription_is_made_again(
    publisher: Cluster, subscriber: Instance
) -> None:
    srv1, srv2 = publisher.nodes
    insert(srv1.postgres)
    eventually(lambda: subscriber.sql(COUNT) == 1, "the row is there", 20)
    switch_over(publisher, srv1, srv2)
    insert(srv2.postgres)
    eventually(lambda: MISSING in subscriber.log.read_text(), "the slot is missing", 30)
    always(lambda: subscriber.sql(COUNT) == 1, "nothing arrives", during=1)

    for line in statements("DROP SUBSCRIPTION", connection=through(srv2)):
        subscriber.sql(line)
    eventually(lambda: subscriber.sql(COUNT) == 2, "the copy has all rows", 30)
    insert(srv2.postgres)
    eventually(lambda: subscriber.sql(COUNT) == 3, "it streams", 30)

    assert srv1.postgres.sql(SLOTS) == 1, "the former primary keeps the slot, and WAL for it"
    for line in statements("pg_drop_replication_slot('sub')"):
        srv1.postgres.sql(line)
    assert srv1.postgres.sql(SLOTS) == 0
