"""PostgreSQL does not tell its role: that is neither "down" nor "up"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from tests.tools.instance import HBA, Instance, ask, connect, query, stopped
from tests.tools.node import PROD, STDBY, Cluster, Node
from tests.tools.waiting import always, eventually

pytestmark = pytest.mark.usefixtures("fresh")

RECURRING = {"OCF_RESKEY_CRM_meta_interval": "4000"}
WHO = "SELECT pg_is_in_recovery()"
OURS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'paf-haproxy'"
LOCKED_OUT = [
    ("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC", "42501", "GRANT CONNECT ON DATABASE"),
    ("ALTER ROLE haproxy NOLOGIN", "28000", "ALTER ROLE haproxy LOGIN"),
    ("ALTER ROLE haproxy CONNECTION LIMIT 0", "53300", "CONNECTION LIMIT"),
    ("DROP ROLE haproxy", "28000", "CREATE ROLE haproxy LOGIN"),
]


def unknown(node: Node) -> str:
    """Returns why the HAProxy of a node cannot tell the role, or ''."""
    return str(json.loads(node.read(5435, b"view\n")).get("unknown", ""))


def lock_out(primary: Instance, text: str) -> None:
    if text.startswith("DROP"):
        primary.sql("DROP OWNED BY haproxy")
    primary.sql(text)


def reject(instance: Instance) -> None:
    """Changes pg_hba.conf: it refuses HAProxy's role and no other."""
    line = "local all haproxy reject\n"
    (instance.data / "pg_hba.conf").write_text(line + HBA)
    instance.sql("SELECT pg_reload_conf()")


def end_sessions(instance: Instance) -> None:
    instance.sql(f"SELECT count(pg_terminate_backend(pid)) FROM ({OURS}) AS ours")


@pytest.mark.parametrize(("text", "code", "remedy"), LOCKED_OUT, ids=lambda each: each.split()[0])
def test_a_refused_login_takes_no_server_out(
    running: Cluster, text: str, code: str, remedy: str
) -> None:
    """Nor does a reload or a crash of HAProxy after it."""
    for node in running.nodes:
        node.await_up("stdby/srv2")
    lock_out(running.srv1.postgres, text)
    end_sessions(running.srv1.postgres)
    for node in running.nodes:
        node.params["maxconn"] = "1999"
        node.do("reload")
    running.srv1.kill()
    assert running.srv1.act("monitor", environ=RECURRING).code == 0
    for node in running.nodes:
        node.await_up("prod/srv1")
        always(lambda node=node: node.up("prod/srv1"), "prod/srv1 is up", during=1)  # type: ignore[misc]
        assert ask(node.address, PROD, WHO, "postgres") is False
        assert ask(node.address, STDBY, WHO, "postgres") is True
    assert [node.tells() for node in running.nodes] == ["production", "standby"]
    why = eventually(lambda: unknown(running.srv1), "it says why")
    assert code in why and remedy in why


def test_refused_from_the_beginning(cluster: Cluster) -> None:
    """The agent asks as a superuser if it is the primary. Pacemaker tells if it is a standby."""
    for node in cluster.nodes:
        reject(node.postgres)
        node.do("start")
    assert "down" not in {node.tells() for node in cluster.nodes}
    cluster.srv1.mend()
    for node in cluster.nodes:
        node.await_up("prod/srv1")
        node.await_up("stdby/srv2")
    assert [node.tells() for node in cluster.nodes] == ["production", "standby"]
    assert "pg_hba.conf" in eventually(lambda: unknown(cluster.srv2), "it says why")


def test_what_was_confirmed_ends_with_the_postmaster(running: Cluster) -> None:
    """PostgreSQL crashes and comes back as a standby that refuses the question: not one writer gets
    there.
    """
    srv1, srv2 = running.nodes
    reject(srv1.postgres)
    srv1.postgres.kill()
    srv1.postgres.become_standby()
    srv1.postgres.start()
    for _ in range(4):
        always(
            lambda: not srv1.up("prod/srv1") and not srv2.up("prod/srv1"), "it is down", during=0.5
        )
        for node in running.nodes:
            node.mend()
    assert srv1.tells() != "production"
    srv1.postgres.promote()
    srv1.mend()
    for node in running.nodes:
        node.await_up("prod/srv1")


def test_a_promotion_that_haproxy_may_not_ask_for(running: Cluster) -> None:
    """The promote action has confirmed it."""
    srv1, srv2 = running.nodes
    reject(srv2.postgres)
    end_sessions(srv2.postgres)
    eventually(lambda: unknown(srv2), "it may not ask")
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    srv1.postgres.stop()
    running.notify("pre-promote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    always(lambda: not srv1.up("prod/srv2"), "armed, and a standby", during=0.5)
    srv2.postgres.promote()
    srv2.do("promote")
    for node in running.nodes:
        node.await_up("prod/srv2")


@pytest.mark.parametrize(
    "setting",
    [
        "default_transaction_isolation = serializable",
        "statement_timeout = '1ms'",
        "search_path = nowhere",
        "idle_session_timeout = '1ms'",
        "idle_in_transaction_session_timeout = '1ms'",
        "DateStyle = german",
        "client_encoding = latin1",
    ],
)
def test_settings_of_the_role_change_nothing(running: Cluster, setting: str) -> None:
    primary = running.srv1.postgres
    primary.sql(f"ALTER ROLE haproxy SET {setting}")
    primary.sql(f"ALTER ROLE haproxy IN DATABASE postgres SET {setting}")
    for node in running.nodes:
        end_sessions(node.postgres)
    for node, role in ((running.srv1, "production"), (running.srv2, "standby")):
        always(lambda node=node, role=role: node.tells() == role, role, during=1)  # type: ignore[misc]
        assert unknown(node) == ""
        found = node.postgres.sql(f"SELECT count(*) FROM ({OURS}) AS ours")
        assert found == 1, "one session, that stands"


def test_a_cancelled_question(running: Cluster) -> None:
    srv1 = running.srv1
    pid = srv1.postgres.sql(OURS)
    for _ in range(10):
        srv1.postgres.sql(f"SELECT count(pg_cancel_backend(pid)) FROM ({OURS}) AS ours")
        always(lambda: srv1.tells() == "production", "production", during=0.1)
    for node in running.nodes:
        assert node.up("prod/srv1")
    assert srv1.postgres.sql(OURS) == pid, "the session goes on"


@pytest.fixture
def taken(running: Cluster) -> Iterator[list[Any]]:
    """All connection slots of the standby, with readers in them."""
    sessions: list[Any] = []
    with pytest.raises(psycopg2.OperationalError):
        while len(sessions) < 100:
            sessions.append(connect(running.srv2.address, 5434, "app"))
    yield sessions
    for session in sessions:
        session.close()


def test_a_candidate_whose_slots_are_full_is_recognised(running: Cluster, taken: list[Any]) -> None:
    """It even stops answering for a moment: the session that stands is not given up for that."""
    srv1, srv2 = running.nodes
    pid = query(srv2.postgres.connect(), OURS)
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    srv1.postgres.stop()
    running.notify("pre-promote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    with stopped([pid]):
        always(lambda: srv2.tells() == "standby", "standby", during=1.5)
    srv2.postgres.promote()
    for node in running.nodes:
        node.await_up("prod/srv2", within=3)
    assert query(srv2.postgres.connect(), OURS) == pid


def test_a_slow_standby_keeps_its_readers(running: Cluster) -> None:
    srv1, srv2 = running.nodes
    srv1.await_up("stdby/srv2")
    reader = connect(srv1.address, STDBY)
    with stopped(srv2.postgres.pids()):
        always(lambda: srv1.up("stdby/srv2") and srv2.tells() == "standby", "it is up", during=8)
    assert query(reader, "SELECT 1") == 1
    reader.close()


def test_a_standby_that_hangs_for_long_loses_them(cluster: Cluster) -> None:
    for node in cluster.nodes:
        node.params["standby_timeout"] = "6s"
    cluster.start()
    cluster.srv1.await_up("stdby/srv2")
    with stopped(cluster.srv2.postgres.pids()):
        cluster.srv1.await_up("stdby/srv2", up=False, within=15)
    cluster.srv1.await_up("stdby/srv2")


def test_a_node_that_is_no_backend_asks_nothing(cluster: Cluster) -> None:
    """HAProxy runs there for its clients only; a PostgreSQL there is none of the cluster's."""
    srv1, srv2 = cluster.nodes
    srv2.params["nodes"] = f"srv1={srv1.address}"
    srv1.do("start")
    srv2.do("start")
    srv2.await_up("prod/srv1")
    assert srv2.tells() == "down"
    assert srv2.postgres.sql(f"SELECT count(*) FROM ({OURS}) AS ours") == 0
