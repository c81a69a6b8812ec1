"""docs/cold-start.md: instances that were killed are looked at and recovered, by its commands."""

from __future__ import annotations

import subprocess
from pathlib import Path

from paf_lab import handbook
from tests.func.conftest import Pair
from tests.tools import ROOT
from tests.tools.instance import Instance, as_postgres, program

PAGE = (ROOT / "docs" / "cold-start.md").read_text()
BIN = str(Path(program("pg_ctl")).parent)


def typed(instance: Instance, section: str) -> list[str]:
    """Types the block of a section for one instance. Returns the lines that it prints."""
    (block,) = [each for each in handbook.blocks(PAGE) if each.section == section]
    assert "every node" in block.intro
    text = block.text
    for theirs, ours in (
        ("/usr/lib/postgresql/15/bin", BIN),
        ("/var/lib/postgresql/15/main", str(instance.data)),
        ("/run/postgresql", str(instance.socket)),
    ):
        assert theirs in text or section.startswith("1."), theirs
        text = text.replace(theirs, ours)
    done = subprocess.run(
        ["bash", "-ec", text], capture_output=True, text=True, timeout=120, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_instances_that_lost_their_power(fresh: Pair) -> None:
    for instance in fresh.all:
        instance.sql("SELECT 1")
    fresh.srv1.sql("INSERT INTO t VALUES ('before', now())")
    for instance in fresh.all:
        instance.kill()
    which = "1. Which node was the primary"
    states = [typed(instance, which)[0] for instance in fresh.all]
    expected = ["in production", "in archive recovery"]
    assert states == [f"Database cluster state: {state}" for state in expected]

    recover = "2. Let each instance recover, alone"
    primary, standby = (typed(instance, recover) for instance in fresh.all)
    assert primary[0].startswith("f|0/") and standby[0].startswith("t|0/")
    assert primary[-1] == "Database cluster state: shut down"
    assert standby[-1] == "Database cluster state: shut down in recovery"
    assert not any(instance.running for instance in fresh.all)

    fresh.srv2.start()  # the primary is lost: its standby is copied
    copy = str(fresh.srv2.data.parent / "copied")
    server = ("-h", fresh.srv2.address, "-p", "5434", "-U", "postgres")
    as_postgres(program("pg_basebackup"), *server, "-D", copy, "-X", "stream", "-c", "fast")
    assert Path(copy, "backup_label").exists()


def test_the_newest_timeline_is_found(fresh: Pair) -> None:
    """A standby that was promoted before the loss of power has a history file."""
    fresh.srv2.promote()
    for instance in fresh.all:
        instance.kill()
    which = "1. Which node was the primary"
    first, second = (typed(instance, which) for instance in fresh.all)
    assert first[0] == second[0] == "Database cluster state: in production"
    assert not any(line.endswith(".history") for line in first)
    assert second[-1] == "00000002.history"
