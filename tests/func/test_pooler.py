"""Sessions through PgBouncer in a switchover, and what a PgBouncer in trouble costs."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paf_haproxy import apply, pooler, request
from paf_haproxy.context import Context, Notice
from paf_haproxy.params import parse
from paf_haproxy.rolefile import Role
from paf_haproxy.view import ClusterView

from tests.func.conftest import Pair
from tests.func.test_traffic import switch_over
from tests.tools.instance import WHO, ask, stopped
from tests.tools.node import Cluster, Node
from tests.tools.pgbouncer import PORT, Pooler, Session
from tests.tools.waiting import eventually


@pytest.fixture
def poolers(cluster: Cluster, fresh: Pair, directory: Path) -> Iterator[list[Pooler]]:
    """A PgBouncer on each node; HAProxy runs, and leads to srv1."""
    with contextlib.ExitStack() as stack:
        made = []
        for node in cluster.nodes:
            place = Path(tempfile.mkdtemp(dir=directory))
            made.append(Pooler(node, place))
        cluster.start()
        for node in cluster.nodes:
            node.await_up("stdby/srv2")
        for pooler in made:
            stack.enter_context(pooler)
        yield made


@contextlib.contextmanager
def sessions(
    cluster: Cluster, each: int = 6, database: str = "postgres"
) -> Iterator[list[Session]]:
    """Clients of both nodes' poolers, each with a transaction behind it."""
    with contextlib.ExitStack() as stack:
        made = [Session(node, database) for node in cluster.nodes for _ in range(each)]
        for session in made:
            stack.enter_context(session)
        eventually(lambda: all(session.done for session in made), "each session has committed")
        yield made


def test_a_switchover_costs_no_session_an_error(poolers: list[Pooler], cluster: Cluster) -> None:
    """The primary serves the readers while there is no standby."""
    srv1, srv2 = cluster.nodes
    for node in cluster.nodes:
        node.params["standby_fallback"] = "primary"
        node.do("reload")
        node.await_up("stdby/srv2")
    with sessions(cluster) as writers, sessions(cluster, database="readers") as readers:
        time.sleep(1)  # PgBouncer tells a client's age in whole seconds
        began = int(time.time())
        switch_over(cluster, srv1, srv2)
        eventually(lambda: all(writer.last() == "srv2" for writer in writers), "all write again")
        after = time.monotonic()
        eventually(lambda: all(each.done[-1][0] > after for each in readers), "all read again")
        went_on = [request.pooler_sessions(parse(node.params), began) for node in cluster.nodes]
        assert went_on == [12, 12]
    assert [session.errors for session in writers + readers] == [[]] * len(writers + readers)
    committed = sum(len(writer.done) for writer in writers)
    assert srv2.postgres.sql("SELECT count(*) FROM t") == committed


def test_it_does_without_a_pooler_that_hangs(poolers: list[Pooler], cluster: Cluster) -> None:
    srv1 = cluster.srv1
    srv1.params["pooler_wait"] = "1s"
    with stopped([poolers[0].pid]):
        began = time.monotonic()
        srv1.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
        assert 1 <= time.monotonic() - began < 5
    assert srv1.state("prod/srv1") == "drain"


def test_it_does_without_a_pooler_that_is_gone(poolers: list[Pooler], cluster: Cluster) -> None:
    srv1 = cluster.srv1
    params = parse(srv1.params)
    assert request.perform(params, request.LOOK)["pooler"] == ""
    poolers[0].kill()
    assert "PgBouncer on " in request.perform(params, request.LOOK)["pooler"]
    began = time.monotonic()
    srv1.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    assert time.monotonic() - began < 5
    assert srv1.state("prod/srv1") == "drain"


def test_a_reload_moves_the_connections_to_the_new_worker(
    poolers: list[Pooler], cluster: Cluster
) -> None:
    """HAProxy's worker from before the reload ends, although PgBouncer keeps its connections."""
    srv1 = cluster.srv1
    with sessions(cluster, each=2) as writers:
        srv1.params["maxconn"] = "1999"
        srv1.do("reload")
        eventually(lambda: srv1.pids() == [srv1.pid()], "the old worker has ended")
        before = [len(writer.done) for writer in writers]
        eventually(
            lambda: all(len(w.done) > n + 1 for w, n in zip(writers, before)), "the sessions go on"
        )
    assert [writer.errors for writer in writers] == [[]] * len(writers)


def test_a_long_transaction_is_waited_for_no_longer(
    poolers: list[Pooler], cluster: Cluster
) -> None:
    srv1, srv2 = cluster.nodes
    for node in cluster.nodes:
        node.params["pooler_wait"] = "500ms"
    with Session(srv1, think=8) as late, sessions(cluster, each=3) as writers:
        switch_over(cluster, srv1, srv2)
        eventually(lambda: all(writer.last() == "srv2" for writer in writers), "all go on")
        eventually(lambda: late.errors != [], "the long one has failed", within=15)
    assert [writer.errors for writer in writers] == [[]] * len(writers)


def test_postgresql_stops_after_transactions_of_a_second(
    poolers: list[Pooler], cluster: Cluster
) -> None:
    """If a constraint has PAF wait. HAProxy leads to the primary until the last notification."""
    srv1, srv2 = cluster.nodes
    cluster.paf_waits()
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(Session(node, think=1)) for node in cluster.nodes]
        eventually(lambda: all(writer.done for writer in writers), "each session has committed")
        cluster.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
        assert [node.state("prod/srv1") for node in cluster.nodes] == ["ready", "ready"]
        switch_over(cluster, srv1, srv2, paf_waits=True)
        eventually(lambda: all(writer.last() == "srv2" for writer in writers), "all go on")
    assert [writer.errors for writer in writers] == [[]] * len(writers)


BEFORE, DURING = ClusterView("srv1"), ClusterView("srv1", "srv2")


def follow(node: Node, event: str) -> str:
    """What a notification does with PgBouncer after it has drained HAProxy."""
    context = Context("notify", node.name, node.params, Notice(event))
    asked = pooler.ask(context, pooler.Change(BEFORE, DURING, ()))
    assert asked
    return asked.follow()


@contextlib.contextmanager
def login_that_waits(node: Node, console: Pooler) -> Iterator[list[str]]:
    """PgBouncer's first connection to PostgreSQL, which HAProxy holds. Yields what its client is
    told at last.
    """
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(ask(node.address, PORT, WHO)))
    thread.start()
    try:
        eventually(lambda: "new" in console.states("postgres"), "PgBouncer logs in")
        yield answers
    finally:
        thread.join(timeout=40)


@pytest.mark.parametrize("event", ["pre-demote", "pre-promote"])
def test_a_login_that_waits_is_not_ended(
    event: str, poolers: list[Pooler], cluster: Cluster
) -> None:
    """RECONNECT would end it, and PgBouncer would refuse all transactions while HAProxy holds."""
    srv1, srv2 = cluster.nodes
    apply.project(str(srv1.statedir), Role(DURING))
    with login_that_waits(srv1, poolers[0]) as answers:
        assert "no database reconnected" in follow(srv1, event)
        srv1.postgres.stop("immediate" if event == "pre-promote" else "fast")
        srv2.postgres.promote()
        eventually(lambda: answers == ["srv2"], "the new primary has answered")
