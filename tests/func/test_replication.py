"""A standby counts as one that follows its primary only if it does."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from paf_lab.replication import PSQL, SCRIPT, followers
from tests.func.conftest import Pair, own
from tests.tools.instance import PORT, Instance, program, stopped
from tests.tools.waiting import eventually

pytestmark = pytest.mark.func
STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
SOME = (
    "CREATE TABLE IF NOT EXISTS filler (n int); "
    "INSERT INTO filler SELECT generate_series(1, {}) RETURNING 1"
)


def follow(primary: Instance) -> dict[str, str]:
    where = ("-h", primary.address, "-p", str(PORT), "-U", "postgres")
    words = [program(PSQL[0]), *PSQL[1:], *where]
    done = subprocess.run(words, input=SCRIPT, capture_output=True, text=True, check=True)
    return followers(done.stdout)


def past_haproxy(standby: Instance, primary: Instance) -> None:
    where = f"host={primary.address} port={PORT} user=postgres application_name={standby.name}"
    standby.configure(f"primary_conninfo = '{where}'\n")
    standby.stop()
    standby.start()


def streams(primary: Instance) -> None:
    eventually(lambda: primary.sql(STREAMING) == 1, "streaming", 20)


def test_one_that_follows(fresh: Pair) -> None:
    past_haproxy(fresh.srv2, fresh.srv1)
    streams(fresh.srv1)
    fresh.srv1.sql(SOME.format(10))
    assert follow(fresh.srv1) == {"srv2": "async"}


def test_one_that_takes_nothing(fresh: Pair) -> None:
    past_haproxy(fresh.srv2, fresh.srv1)
    streams(fresh.srv1)
    with stopped(pid for pid in fresh.srv2.pids() if b"walreceiver" in cmdline(pid)):
        fresh.srv1.sql(SOME.format(10))
        assert fresh.srv1.sql(STREAMING) == 1 and follow(fresh.srv1) == {}


def test_one_that_has_what_the_primary_has_not(fresh: Pair) -> None:
    past_haproxy(fresh.srv2, fresh.srv1)
    streams(fresh.srv1)
    fresh.srv1.sql(SOME.format(100))  # within one segment of WAL
    eventually(lambda: follow(fresh.srv1) == {"srv2": "async"}, "srv2 has it", 20)
    fresh.stop()
    # The primary as it was before that, on the next timeline.
    shutil.rmtree(fresh.srv1.data)
    shutil.copytree(fresh.pristine / "srv1", fresh.srv1.data)
    own(fresh.srv1.data)
    fresh.srv1.become_standby()
    fresh.srv1.start()
    fresh.srv1.promote()
    fresh.srv2.start()
    end = time.monotonic() + 20
    while time.monotonic() < end and not fresh.srv1.sql(STREAMING):
        time.sleep(0.005)
    assert time.monotonic() < end, "never seen streaming: nothing was tested"
    assert [follow(fresh.srv1) for _ in range(5)] == [{}] * 5
    fresh.srv1.sql(SOME.format(100_000))
    assert [follow(fresh.srv1) for _ in range(5)] == [{}] * 5


def cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
