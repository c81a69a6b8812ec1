"""What `paf-haproxy switchover` refuses: each reason on a real cluster; nothing is moved."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from paf_lab import postgresql
from paf_lab.node import NODES, Node, named
from paf_lab.postgresql import primary
from tests.tools.waiting import eventually

from .conftest import lab

pytestmark = pytest.mark.lab

PREPARED = "max_prepared_transactions = 5\narchive_mode = on\narchive_command = '/bin/true'\n"
PSQL = "runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -p 5434 postgres -c"
WAL = (
    "CREATE TABLE refusals AS SELECT repeat('x', 900) AS text FROM generate_series(1, 40000);"
    " DROP TABLE refusals"
)
LIVE = ". /usr/share/paf-haproxy/pcs-scripts/settings.sh"
LOCAL = "SET synchronous_commit = local;"
RECEIVER = "$(pgrep -f 'postgres: .*[w]alreceiver')"
LOGIN = f'{PSQL} "{LOCAL} ALTER ROLE replicator'
END_SENDERS = f"{PSQL} 'SELECT pg_terminate_backend(pid) FROM pg_stat_replication'"
END_SLEEP = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE query LIKE 'SELECT pg_sleep%'"""


@dataclass(frozen=True)
class Row:
    """check: the name of the check that refuses. text: part of what it says. apply, undo: for sh,
    on the primary's node unless `candidate`. others: the same on the standbys' nodes, before. deep:
    another check may refuse first, so all of them are asked for.
    """

    check: str
    text: str
    apply: str
    undo: str
    candidate: bool = False
    deep: bool = False
    others: str = ""
    others_undo: str = ""


ROWS = {
    "rejected-parameter": Row(
        "components", "hold_timeout",
        "crm_resource --resource haproxy --set-parameter hold_timeout --parameter-value bogus",
        "crm_resource --resource haproxy --delete-parameter hold_timeout",
    ),
    "no-quorum": Row(
        "quorum", "no quorum",
        "true", "crm_attribute --name no-quorum-policy --delete",
        others="crm_attribute --name no-quorum-policy --update freeze;"
        " systemctl stop pacemaker corosync",
        others_undo="systemctl start corosync pacemaker",
    ),
    "transition": Row(
        "transition", "at work",
        f"bash -ec '{LIVE}; live resource create refusal ocf:pacemaker:Dummy op_sleep=8'",
        f"bash -ec '{LIVE}; live resource delete refusal'",
    ),
    "maintenance-mode": Row(
        "managed", "maintenance mode",
        "crm_attribute --name maintenance-mode --update true",
        "crm_attribute --name maintenance-mode --delete",
    ),
    "unmanaged": Row(
        "managed", "pgsqld",
        "crm_resource --resource pgsqld-clone --meta --set-parameter is-managed"
        " --parameter-value false",
        "crm_resource --resource pgsqld-clone --meta --delete-parameter is-managed",
    ),
    "earlier-ban": Row(
        "constraints", "cli-ban-pgsqld-clone",
        "crm_resource --ban --promoted --resource pgsqld-clone --node OTHER",
        "crm_resource --clear --resource pgsqld-clone",
    ),
    "not-streaming": Row(
        "streaming", "does not stream",
        f'{LOGIN} NOLOGIN"; {END_SENDERS}', f'{LOGIN} LOGIN"', deep=True,
    ),
    "no-score": Row(  # PAF's monitor takes it from a standby that does not stream
        "score", "PAF does not let",
        f'{LOGIN} NOLOGIN"; {END_SENDERS}', f'{LOGIN} LOGIN"', deep=True,
    ),
    "flush-lag": Row(
        "lag", "MB behind, more than 16 MB",
        f"kill -STOP {RECEIVER}; on_primary", f"kill -CONT {RECEIVER}", candidate=True, deep=True,
    ),
    "replay-lag": Row(
        "lag", "replays",
        f"{PSQL} 'SELECT pg_wal_replay_pause()'; on_primary",
        f"{PSQL} 'SELECT pg_wal_replay_resume()'", candidate=True, deep=True,
    ),
    "replay-paused": Row(
        "replay", "pg_wal_replay_resume",
        f"{PSQL} 'SELECT pg_wal_replay_pause()'", f"{PSQL} 'SELECT pg_wal_replay_resume()'",
        candidate=True,
    ),
    "old-transaction": Row(
        "transactions", "pid ",
        f"{PSQL} 'BEGIN' -c 'SELECT pg_sleep(300)' >/dev/null 2>&1 </dev/null &",
        f'{PSQL} "{END_SLEEP}"',

    ),
    "prepared": Row(
        "prepared", "1 prepared transactions",
        f"{PSQL} BEGIN -c 'CREATE TABLE refusals (n int)' -c \"PREPARE TRANSACTION 'refusal'\"",
        f"{PSQL} \"ROLLBACK PREPARED 'refusal'\"",
    ),
    "archiver": Row(
        "archiver", "the archiver fails",
        f"{PSQL} \"ALTER SYSTEM SET archive_command = '/bin/false'\" -c 'SELECT pg_reload_conf()'"
        " -c \"SELECT pg_logical_emit_message(false, 'x', 'x')\" -c 'SELECT pg_switch_wal()'",
        f"{PSQL} 'ALTER SYSTEM RESET archive_command' -c 'SELECT pg_reload_conf()'",
    ),
    "pooler": Row(
        "pooler", "PgBouncer", "systemctl stop pgbouncer", "systemctl start pgbouncer",
        candidate=True,
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def with_archiver() -> Iterator[None]:
    """Prepared transactions and an archiver, for which PostgreSQL must be restarted."""
    lab("up")
    with postgresql.settings(PREPARED):
        yield


def at_rest() -> bool:
    """Returns whether nothing refuses a switchover."""
    words = ("paf-haproxy", "switchover", "--dry-run")
    return NODES[0].run(*words, check=False, timeout=120).returncode == 0


def refusal(row: Row, leads: Node, candidate: str) -> bool:
    """Returns whether the check of the row refuses, with its text and a command to type."""
    force = ["--force"] if row.deep else []
    words = ("paf-haproxy", "switchover", candidate, "--dry-run", "--json", *force)
    report = json.loads(leads.run(*words, check=False, timeout=120).stdout)
    return any(
        (check["name"], check["outcome"]) == (row.check, "refused")
        and row.text in check["text"] + check["do"]
        and check["do"]
        for check in report["checks"]
    )


@contextlib.contextmanager
def applied(row: Row, node: Node, leads: Node, candidate: str, other: str) -> Iterator[None]:
    """Does it, waits until it can be seen, and undoes it in the end."""
    for each in NODES:
        if row.others and each is not leads:
            each.run("sh", "-c", row.others, timeout=120)
    before, sql, _ = row.apply.partition("on_primary")
    done = node.run("sh", "-c", before.replace("OTHER", other), check=False, timeout=60)
    try:
        assert done.returncode == 0, done.stderr
        if sql:
            leads.run("sh", "-c", f'{PSQL} "{LOCAL} {WAL}"', timeout=60)
        eventually(lambda: refusal(row, leads, candidate), f"{row.check} refuses", within=40)
        yield
    finally:
        for each in NODES:
            if row.others and each is not leads:
                each.run("sh", "-c", row.others_undo, check=False, timeout=120)
        node.run("sh", "-c", row.undo, check=False, timeout=60)


@pytest.mark.parametrize("name", ROWS)
def test_it_is_refused(name: str) -> None:
    row = ROWS[name]
    leads = named(primary())
    candidate, other = (node.name for node in NODES if node is not leads)
    node = named(candidate) if row.candidate else leads
    eventually(at_rest, "nothing refuses a switchover", within=90)
    with applied(row, node, leads, candidate, other):
        if not row.deep:  # the command itself, which moves nothing
            words = ("paf-haproxy", "switchover", candidate)
            done = leads.run(*words, check=False, timeout=120)
            said = " ".join(done.stdout.split())
            assert done.returncode == 1, done.stdout + done.stderr
            assert f"REFUSED {row.check}" in said and row.text in said, said
            assert " do: " in said and said.endswith("Refused. Nothing was changed.")
        assert primary() == leads.name


def test_a_node_that_is_no_standby_is_named() -> None:
    leads = primary()
    done = NODES[0].run("paf-haproxy", "switchover", leads, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"paf-haproxy: {leads} is no standby")
    assert len(done.stderr.splitlines()) == 1
