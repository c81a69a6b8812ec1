"""What HAProxy's checks leave in PostgreSQL's log and in pg_stat_statements, and how docs/quiet.md
silences it.

    NOISE_WINDOW=60 NOISE_JSON=results/noise.json pytest tests/func/test_noise.py

counts for 60 s and writes what `docs/make.py noise` makes the table of the page from.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path

import psycopg2
import pytest

from paf_lab import handbook, provenance
from tests.func.conftest import Pair
from tests.tools import ROOT, noise
from tests.tools.instance import Instance
from tests.tools.node import Cluster, Node
from tests.tools.waiting import eventually

WINDOW = float(os.environ.get("NOISE_WINDOW", "10"))  # s
JSON = os.environ.get("NOISE_JSON")
LOUD = f"""
shared_preload_libraries = 'pg_stat_statements'
log_connections = on
log_disconnections = on
log_statement = 'all'
log_min_duration_statement = 0
log_line_prefix = '{noise.PREFIX}'
"""
# As 40-postgresql.sh writes it; the tests themselves come in as postgres.
HBA = """
local postgres haproxy peer
local all postgres peer
host all postgres,app 127.0.0.0/8 trust
host replication all 127.0.0.0/8 trust
host all all 127.0.0.0/8 scram-sha-256
"""
CALLS_OF_HAPROXY = """
SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements
JOIN pg_roles ON pg_roles.oid = userid WHERE rolname = 'haproxy'
"""


def settings() -> list[str]:
    """Returns the statements of the page."""
    page = (ROOT / "docs" / "quiet.md").read_text()
    (block,) = [each for each in handbook.blocks(page) if "ALTER ROLE" in each.text]
    return block.commands


def lines(instance: Instance) -> Counter[str]:
    """Returns how many lines of each kind an instance logs within the window, and the calls that
    pg_stat_statements has of haproxy.
    """
    instance.sql("SELECT pg_stat_statements_reset()")
    instance.log.write_text("")
    time.sleep(WINDOW)
    found = noise.counted(instance.log.read_text())
    found[noise.CALLS] = instance.sql(CALLS_OF_HAPROXY)
    return found


def versions(node: Node) -> dict[str, str]:
    """Returns the versions of what has been measured."""
    words = [node.program, "-v"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\S+)", said)
    assert found, said
    postgresql = str(node.postgres.sql("SHOW server_version")).split()[0]
    return {"PostgreSQL": postgresql, "HAProxy": found[1]}


@pytest.fixture
def loud(cluster: Cluster, fresh: Pair) -> Cluster:
    """Two nodes whose PostgreSQL logs all that it can."""
    for instance in fresh.all:
        instance.stop()
        instance.configure(LOUD)
        (instance.data / "pg_hba.conf").write_text(HBA)
        instance.start()
    cluster.start()
    fresh.srv1.sql("CREATE EXTENSION pg_stat_statements")
    return cluster


def test_what_the_checks_leave_and_how_to_silence_them(loud: Cluster, fresh: Pair) -> None:
    primary = fresh.srv1
    stamp = provenance.stamp()
    before = lines(primary)
    # Each HAProxy connects every 2 s (server_interval), and does not log in.
    assert WINDOW - 3 <= before["connections"] <= WINDOW + 3
    assert before["logins of haproxy"] <= 1
    assert before["statements of haproxy"] > 2 * WINDOW
    assert before["calls"] > 2 * WINDOW

    for line in settings():
        primary.sql(line)
    now = primary.sql("SELECT now()::text")
    node = loud.srv1
    node.params["maxconn"] = "2001"  # sessions that are open keep their settings
    node.do("reload")
    old = f"SELECT count(*) FROM pg_stat_activity WHERE backend_start < '{now}'"
    old += " AND usename = 'haproxy'"
    eventually(lambda: primary.sql(old) == 0, "the session of before has ended", within=30)
    after = lines(primary)
    if JSON:
        nodes = len(loud.nodes)
        measured = noise.Measured(WINDOW, nodes, before, after, versions(loud.srv1))
        Path(JSON).write_text(json.dumps(noise.report(measured, stamp), indent=1) + "\n")
    assert WINDOW - 3 <= after["connections"] <= WINDOW + 3
    quiet = ("statements of haproxy", "durations of haproxy", "calls", "other lines of haproxy")
    assert {kind: after[kind] for kind in quiet} == dict.fromkeys(quiet, 0)


def refusal(instance: Instance, user: str, statement: str) -> str:
    """Returns why PostgreSQL refuses a statement; '' if it does not."""
    connection = instance.connect(user)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        return ""
    except psycopg2.Error as error:
        return str(error).strip()
    finally:
        connection.close()


def test_who_may_set_it(loud: Cluster, fresh: Pair) -> None:
    """A superuser; the role itself may not. Nobody may set what logs connections, for a role."""
    for line in settings():
        assert "permission denied to set parameter" in refusal(
            fresh.srv1, "app", line.replace("ROLE haproxy", "ROLE app")
        )
        assert refusal(fresh.srv1, "postgres", line) == ""
    for name in ("log_connections", "log_disconnections"):
        said = refusal(fresh.srv1, "postgres", f"ALTER ROLE haproxy SET {name} = off")
        assert said == f'parameter "{name}" cannot be set after connection start'
