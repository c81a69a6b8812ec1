"""What the local PostgreSQL says about a planned switchover."""

from __future__ import annotations

import shutil

import pytest
from paf_haproxy import request, standing
from paf_haproxy.ocf import AgentError
from paf_haproxy.params import Params, parse

from tests.func.conftest import Pair
from tests.tools.instance import Instance, connect
from tests.tools.node import Cluster
from tests.tools.waiting import eventually


def params(instance: Instance) -> Params:
    return parse({"pghost": str(instance.socket), "statedir": str(instance.socket)})


def test_primary_and_standby(steady: Cluster) -> None:
    srv1, srv2 = (node.postgres for node in steady.nodes)
    eventually(lambda: standing.look(params(srv1))["standbys"], "srv2 streams")
    primary, standby = (standing.look(params(each)) for each in (srv1, srv2))
    (line,) = primary["standbys"]
    assert (line["name"], line["state"]) == ("srv2", "streaming")
    assert float(line["flush"]) >= 0
    assert primary["timeline"] == standby["timeline"] == 1
    assert (primary["recovery"], standby["recovery"]) == (False, True)
    where = srv1.sql("SELECT pg_walfile_name_offset(pg_current_wal_insert_lsn())")
    name, offset = where.strip("()").split(",")
    assert primary["segment"]["name"] == name[8:]
    used = 100 * int(offset) / (1 << 20)  # the tests' clusters have segments of 1 MB
    assert abs(primary["segment"]["used"] - used) < 5
    assert (primary["prepared"], primary["slots"], primary["archive"]["mode"]) == (0, [], "off")
    assert (standby["paused"], float(standby["replay"])) == (False, 0)


def test_the_timeline_of_a_primary_that_was_promoted_a_moment_ago(
    fresh: Pair, running: Cluster
) -> None:
    """Its checkpoint takes minutes, and pg_control tells the old timeline until it has ended."""
    srv1, srv2 = fresh.all
    srv1.sql("CREATE TABLE pages AS SELECT n FROM generate_series(1, 500000) AS n")
    line = srv1.sql("SELECT pg_current_wal_lsn()")
    eventually(lambda: srv2.sql(f"SELECT pg_last_wal_replay_lsn() >= '{line}'"), "it is replayed")
    srv2.sql("SELECT pg_promote()")
    assert srv2.sql("SELECT timeline_id FROM pg_control_checkpoint()") == 1
    assert standing.look(params(srv2))["timeline"] == 2


def test_open_transactions_and_slots(fresh: Pair) -> None:
    srv1 = fresh.srv1
    session = connect(srv1.address, 5434)
    try:
        session.autocommit = False
        session.cursor().execute("SELECT 1")
        found = eventually(lambda: standing.look(params(srv1))["transactions"], "it is old enough")
        assert [each["user"] for each in found] == ["app"]
        assert found[0]["seconds"] >= 1
        assert found[0]["pid"] == session.info.backend_pid
    finally:
        session.close()
    srv1.sql("SELECT pg_create_physical_replication_slot('backup')")
    assert standing.look(params(srv1))["slots"] == ["backup"]


def test_a_checkpoint(pair: Pair) -> None:
    before = pair.srv1.sql("SELECT checkpoint_lsn FROM pg_control_checkpoint()")
    assert request.perform(params(pair.srv1), request.CHECKPOINT)["seconds"] >= 0
    assert pair.srv1.sql("SELECT checkpoint_lsn FROM pg_control_checkpoint()") != before
    assert request.perform(params(pair.srv2), request.CHECKPOINT)["seconds"] >= 0


def test_a_segment_that_was_never_used(fresh: Pair, running: Cluster) -> None:
    """It is filled, so that pg_waldump, and PAF, can read the directory."""
    srv1, srv2 = fresh.all
    assert standing.look(params(srv2))["unused"] == ""
    current = srv1.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
    name = f"{current[:8]}{int(current[8:], 16) + 3:016X}"
    new = srv2.data / "pg_wal" / name
    new.write_bytes(bytes(1 << 20))
    shutil.chown(new, "postgres", "postgres")
    new.chmod(0o600)
    assert standing.look(params(srv2))["unused"] == name[8:]
    assert request.perform(params(srv1), f"{request.FILL} {name[8:]}") == {"segments": 4}
    eventually(lambda: standing.look(params(srv2))["unused"] == "", "it is filled")
    assert request.perform(params(srv1), f"{request.FILL} {name[8:]}") == {"segments": 0}


def test_a_request_that_is_not_known(pair: Pair) -> None:
    with pytest.raises(AgentError, match="upgrade paf-haproxy"):
        request.perform(params(pair.srv1), "dance")


def test_a_postgresql_that_is_not_there(fresh: Pair) -> None:
    fresh.srv2.stop()
    with pytest.raises(AgentError, match="PostgreSQL on this node"):
        standing.look(params(fresh.srv2))
