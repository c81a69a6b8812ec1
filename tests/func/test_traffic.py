"""What clients see of a switchover, and of HAProxy or PostgreSQL dying under them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest

from tests.func.conftest import Pair
from tests.tools.instance import WHO, ask, connect, query, stopped
from tests.tools.load import Load
from tests.tools.node import PROD, STDBY, Cluster, Node
from tests.tools.waiting import Waiting, always, eventually

FULL = r"slots|too many"


def test_prod_leads_to_the_primary_and_stdby_to_the_standby(steady: Cluster) -> None:
    for node in steady.nodes:
        assert ask(node.address, PROD, WHO) == "srv1"
        node.await_up("stdby/srv2")
        assert ask(node.address, STDBY, WHO) == "srv2"


def test_a_full_postgresql_is_not_a_dead_one(steady: Cluster) -> None:
    """At max_connections new ones are refused by PostgreSQL, and those that are there go on."""
    srv1, srv2 = steady.nodes
    before = connect(srv2.address, PROD)
    assert query(before, WHO) == "srv1"
    taken: list[Any] = []
    try:
        with pytest.raises(psycopg2.OperationalError, match=FULL):
            while len(taken) < 100:
                taken.append(connect(srv1.address, 5434))
        # Also when the one session that HAProxy asks with has to come back in.
        srv1.postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'haproxy'"
        )
        with pytest.raises(psycopg2.OperationalError, match=FULL):
            taken.append(connect(srv1.address, 5434))
            taken.append(connect(srv1.address, 5434))
        for node in steady.nodes:
            assert node.up("prod/srv1")
        always(
            lambda: srv1.up("prod/srv1") and srv2.up("prod/srv1") and srv1.tells() == "production",
            "srv1 is up and in production",
            during=6,  # longer than HAProxy waits for any answer
        )
        assert query(before, WHO) == "srv1"
    finally:
        for session in taken:
            session.close()
        before.close()
    eventually(lambda: ask(srv2.address, PROD, WHO) == "srv1", "new ones are served again")


def switch_over(cluster: Cluster, old: Node, new: Node, *, paf_waits: bool = False) -> None:
    """What Pacemaker and PAF do, in their order: the notices, and PostgreSQL's own steps.
    paf_waits: by the constraint that is made for PgBouncer, PAF's demote comes after HAProxy's.
    """
    lists = {"demote": [old.name], "promote": [new.name]}
    cluster.notify("pre-demote", promoted=[old.name], **lists)
    if paf_waits:
        cluster.notify("post-demote", promoted=[old.name], **lists)
    else:
        # PAF's own pre-demote takes about as long; clients that are served already finish.
        time.sleep(0.3)
    old.postgres.stop()
    shutdown = old.postgres.checkpoint_location()
    # PAF cancels the switchover unless the new primary has the shutdown checkpoint.
    behind = f"SELECT pg_wal_lsn_diff('{shutdown}', pg_last_wal_receive_lsn()) >= 0"
    assert new.postgres.sql(behind) is False, "the last of the WAL did not arrive"
    old.postgres.become_standby()
    old.postgres.start()
    if not paf_waits:
        cluster.notify("post-demote", promoted=[old.name], **lists)
    cluster.notify("pre-promote", promoted=[old.name], **lists)
    new.postgres.promote()
    cluster.notify("post-promote", promoted=[old.name], **lists)


def replicates(primary: Node, standby: Node) -> Callable[[], Any]:
    text = f"SELECT count(*) FROM pg_stat_replication WHERE application_name = '{standby.name}'"
    return lambda: primary.postgres.sql(text) == 1


def test_a_switchover_loses_no_connection(running: Cluster, fresh: Pair) -> None:
    """There and back, with clients on both nodes; replication goes through HAProxy as well."""
    srv1, srv2 = running.nodes
    srv1.postgres.sql("TRUNCATE t")
    eventually(replicates(srv1, srv2), "srv2 replicates through its HAProxy")
    with Load(srv1.address) as first, Load(srv2.address) as second:
        eventually(lambda: len(first.attempts) > 20 < len(second.attempts), "clients are served")
        switch_over(running, srv1, srv2)
        eventually(replicates(srv2, srv1), "srv1 replicates from srv2")
        back = time.monotonic()
        eventually(
            lambda: first.served_by(back) == second.served_by(back) == ["srv2"], "srv2 serves"
        )
        switch_over(running, srv2, srv1)
        eventually(replicates(srv1, srv2), "srv2 replicates again")
    for load in (first, second):
        assert load.failed == []
        assert load.misrouted == []
        assert load.served_by() == ["srv1", "srv2", "srv1"]
    written = srv1.postgres.sql("SELECT count(*) FROM t")
    assert written == len(first.attempts) + len(second.attempts), "no acknowledged row is lost"
    for node in running.nodes:
        assert node.states() == {
            "prod/srv1": "ready",
            "prod/srv2": "maint",
            "stdby/srv1": "maint",
            "stdby/srv2": "ready",
        }
        assert node.mend().err == "", "nothing is left to mend"


def test_sessions_of_the_old_primary_end_with_the_switchover(running: Cluster, fresh: Pair) -> None:
    """Read-only sessions on the new primary, too: they would go on reading there for ever."""
    srv1, srv2 = running.nodes
    eventually(replicates(srv1, srv2), "srv2 replicates")
    eventually(lambda: srv1.up("stdby/srv2"), "srv2 serves readers")
    writer, reader = connect(srv2.address, PROD), connect(srv1.address, STDBY)
    assert (query(writer, WHO), query(reader, WHO)) == ("srv1", "srv2")
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    assert query(writer, WHO) == "srv1", "drained: the session goes on"
    srv1.postgres.stop()
    running.notify("pre-promote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    assert query(reader, WHO) == "srv2", "a promotion that is announced may still fail"
    srv2.postgres.promote()
    running.notify("post-promote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    for session in (writer, reader):
        with pytest.raises(psycopg2.Error):
            query(session, WHO)
    assert ask(srv1.address, PROD, WHO) == "srv2"


def test_a_lost_primary(running: Cluster, fresh: Pair) -> None:
    """PostgreSQL and HAProxy are gone at once; the survivor hears only of a promotion."""
    srv1, srv2 = running.nodes
    srv1.kill()
    srv1.postgres.kill()
    eventually(lambda: not srv2.up("prod/srv1"), "srv2 sees that srv1 is gone", within=15)
    client = Waiting(lambda: ask(srv2.address, PROD, WHO))
    always(lambda: client.waits, "it waits", during=0.5)
    srv2.notify("pre-promote", promote=["srv2"])
    srv2.postgres.promote()
    assert client.end() == "srv2"
    srv2.notify("post-promote", promote=["srv2"])
    assert srv2.state("prod/srv1") == "maint"
    assert ask(srv2.address, PROD, WHO) == "srv2"


def test_haproxy_dies_on_the_primarys_node(running: Cluster) -> None:
    """The other node's clients see nothing: neither those that come nor those that are there."""
    srv1, srv2 = running.nodes
    session = connect(srv2.address, PROD)
    with Load(srv2.address) as load:
        eventually(lambda: len(load.attempts) > 10, "clients are served")
        killed = time.monotonic()
        srv1.kill()
        always(lambda: not load.failed, "no client fails", during=3)
    assert load.served_by(killed) == ["srv1"] and load.failed == []
    assert load.longest() < 1, "and nobody waited"
    assert query(session, WHO) == "srv1"
    assert srv2.mend().err == ""


def test_haproxy_bounces_on_the_primarys_node(running: Cluster) -> None:
    srv1, srv2 = running.nodes
    with Load(srv2.address) as load:
        for _ in range(3):
            srv1.do("stop")
            srv1.do("start")
        eventually(lambda: srv1.up("prod/srv1"), "srv1 leads to itself again")
    assert load.failed == [] and load.served_by() == ["srv1"]
    assert ask(srv1.address, PROD, WHO) == "srv1"


def test_a_rogue_primary_gets_nobody(running: Cluster, fresh: Pair) -> None:
    """Promoted by hand, and not by Pacemaker: to prod it does not exist, nor is it a standby."""
    srv1, srv2 = running.nodes
    with Load(srv1.address) as first, Load(srv2.address) as second:
        srv2.postgres.promote()
        eventually(lambda: srv2.tells() == "down", "the rogue is nobody's production")
        for node in running.nodes:
            node.await_up("stdby/srv2", up=False)
            node.mend()
            assert node.servers()["prod/srv2"] == ("maint", False)
        always(lambda: srv2.tells() == "down", "it stays down", during=1)
    for load in (first, second):
        assert load.failed == [] and load.served_by() == ["srv1"]
    assert srv1.tells() == "production"


def test_a_slow_postgresql_is_not_a_dead_one(steady: Cluster) -> None:
    """It answers nobody for a while, and then again: readers keep their sessions."""
    srv1, srv2 = steady.nodes
    eventually(lambda: srv1.up("stdby/srv2") and srv2.tells() == "standby", "srv2 serves readers")
    reader = connect(srv1.address, STDBY)
    with stopped(srv2.postgres.pids()):
        always(lambda: srv2.tells() == "standby" and srv1.up("stdby/srv2"), "it is up", during=2.5)
    assert query(reader, WHO) == "srv2"
    always(lambda: srv2.tells() == "standby", "it is up", during=0.5)


def test_a_hung_postgresql_gets_no_new_connections(running: Cluster, fresh: Pair) -> None:
    """It may still be the primary; new connections wait until it answers a check."""
    srv1, srv2 = running.nodes
    with stopped(srv1.postgres.pids()):
        for node in running.nodes:
            node.await_up("prod/srv1", up=False, within=12)
        assert srv1.tells() == "production"
    eventually(lambda: ask(srv2.address, PROD, WHO) == "srv1", "it is back")


def test_postgresql_is_killed_and_comes_back(running: Cluster, fresh: Pair) -> None:
    """kill -9 of the postmaster; Pacemaker tells nobody, and PAF starts it again in place."""
    srv1, srv2 = running.nodes
    srv1.postgres.kill()
    eventually(lambda: srv1.tells() == "down", "srv1 says that it is down")
    for node in running.nodes:
        node.await_up("prod/srv1", up=False)
    clients = [Waiting(functools.partial(ask, node.address, PROD, WHO)) for node in running.nodes]
    always(lambda: all(client.waits for client in clients), "new connections wait", during=1)
    srv1.postgres.start()
    assert [client.end() for client in clients] == ["srv1", "srv1"]
    assert srv1.tells() == "production"
    assert srv2.state("prod/srv1") == "ready"


def test_a_standby_that_dies_is_left_out(running: Cluster, fresh: Pair) -> None:
    srv1, srv2 = running.nodes
    eventually(lambda: srv1.up("stdby/srv2"), "srv2 serves readers")
    reader = connect(srv1.address, STDBY)
    srv2.postgres.kill()
    eventually(lambda: not srv1.up("stdby/srv2"), "srv2 is left out")
    assert srv2.tells() == "down"
    with pytest.raises(psycopg2.Error):
        query(reader, WHO)
    assert ask(srv1.address, PROD, WHO) == "srv1", "the primary is not concerned"
    srv2.postgres.start()
    eventually(lambda: srv1.up("stdby/srv2") and srv2.tells() == "standby", "srv2 is back")
