"""docs/rollback.md: the standbys no longer need HAProxy."""

from __future__ import annotations

import re
import subprocess
import textwrap

from tests.func.conftest import Pair
from tests.tools import ROOT
from tests.tools.instance import Instance
from tests.tools.waiting import eventually

STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"


def step_2() -> str:
    """Returns the commands that give a standby another way to the primary."""
    page = (ROOT / "docs" / "rollback.md").read_text()
    blocks = re.findall(r"^(?: {7}\S.*\n)+", page, re.MULTILINE)
    (found,) = [block for block in blocks if "primary_conninfo" in block]
    return textwrap.dedent(found)


def typed(instance: Instance, pair: Pair) -> None:
    text = step_2()
    # The standby itself comes first: it must not be taken for the primary.
    addresses = ",".join([instance.address, *(each.address for each in pair.all)])
    for theirs, ours in (
        ("srv1,srv2,srv3", addresses),
        ("user=replicator", "user=postgres"),
        ("$(uname -n)", instance.name),
        ("psql -p", f"psql -h {instance.socket} -p"),
    ):
        assert theirs in text
        text = text.replace(theirs, ours)
    subprocess.run(["bash", "-ec", text], check=True, capture_output=True, timeout=60, cwd="/")


def test_a_standby_streams_without_haproxy(fresh: Pair) -> None:
    first, second = fresh.all
    assert first.sql(STREAMING) == 0, "without HAProxy nothing streams through port 5437"
    for instance in fresh.all:
        typed(instance, fresh)
    eventually(lambda: first.sql(STREAMING) == 1, "srv2 streams from srv1")
    assert second.sql(STREAMING) == 0, "it does not stream from itself"


def test_it_follows_another_primary(fresh: Pair) -> None:
    first, second = fresh.all
    for instance in fresh.all:
        typed(instance, fresh)
    eventually(lambda: first.sql(STREAMING) == 1, "srv2 streams from srv1")
    first.stop()
    second.promote()
    first.become_standby()
    first.start()
    eventually(lambda: second.sql(STREAMING) == 1, "srv1 streams from srv2")
