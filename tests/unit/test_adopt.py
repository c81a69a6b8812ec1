"""pcs-scripts/40-postgresql.sh adopt: an instance that runs becomes the first of a cluster."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.tools import ROOT
from tests.tools.move_world import RUNUSER

PSQL = r"""
for last; do :; done
case $last in
*quote_literal*) cat "$WORLD/unfit" ;;
*string_agg*) echo "port cluster_name wal_keep_size" ;;
*config_file*) cat "$WORLD/config_file" ;;
*hba_file*) echo "$(dirname "$(cat "$WORLD/config_file")")/pg_hba.conf" ;;
*ident_file*) echo "$(dirname "$(cat "$WORLD/config_file")")/pg_ident.conf" ;;
*) cat >>"$WORLD/sql" ;;
esac"""
STAND_INS = {
    "runuser": RUNUSER,
    "psql": PSQL,
    "pg_ctl": 'echo "${*: -1}" >>"$WORLD/pg_ctl"; [ "${*: -1}" != status -o ! -e "$WORLD/down" ]',
    "uname": "echo srv1",
    "chown": "",
}
HBA = "local all postgres peer\nhost all all samenet md5\n"
CONF = "data_directory = '/data'\nhba_file = '/etc/hba'\nport = 5432\nwork_mem = 1GB\n"


class World:
    """An instance in `data`, and its configuration there or elsewhere."""

    def __init__(self, place: Path, configuration: str) -> None:
        self.place, self.data = place, place / "data"
        self.conf = place / configuration
        for folder in (place / "bin", place / "home", self.data, self.conf):
            folder.mkdir(exist_ok=True)
        for name, text in STAND_INS.items():
            (place / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
            (place / "bin" / name).chmod(0o755)
        (place / "unfit").write_text("")
        (place / "config_file").write_text(f"{self.conf}/postgresql.conf\n")
        (self.conf / "postgresql.conf").write_text(CONF)
        (self.conf / "pg_hba.conf").write_text(HBA)
        (self.conf / "pg_ident.conf").write_text("")

    def adopt(self) -> subprocess.CompletedProcess[str]:
        script = (ROOT / "pcs-scripts" / "40-postgresql.sh").read_text()
        # The real postgres has a home directory, which a test must not write to.
        copy = self.place / "40-postgresql.sh"
        copy.write_text(script.replace("~postgres/", f"{self.place}/home/"))
        for name in ("settings.sh", "adopt.sh"):
            (self.place / name).write_text((ROOT / "pcs-scripts" / name).read_text())
        return subprocess.run(
            ["bash", str(copy), "adopt"],
            env={
                "PATH": f"{self.place / 'bin'}:{os.environ['PATH']}",
                "WORLD": str(self.place),
                "PGBIN": str(self.place / "bin"),
                "PGDATA": str(self.data),
                "PGPORT": "5432",
                "REPLICATOR_PASSWORD": "secret",
            },
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


@pytest.fixture(params=["data", "etc"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """With its configuration beside the data, and as Debian has it."""
    return World(tmp_path, request.param)


def test_it_keeps_what_is_there(world: World) -> None:
    done = world.adopt()
    assert done.returncode == 0, done.stderr
    assert (world.conf / "pg_hba.conf").read_text() == HBA
    assert (world.conf / "postgresql.conf").read_text().startswith(CONF)
    assert "app" not in (world.place / "sql").read_text(), "its roles stay"
    assert "CREATE ROLE haproxy" in (world.place / "sql").read_text()
    assert set((world.place / "pg_ctl").read_text().split()) == {"status", "reload"}


def test_settings_that_somebody_has_chosen_stay(world: World) -> None:
    world.adopt()
    lines = (world.data / "paf.conf").read_text().splitlines()
    names = [line.split(" = ")[0] for line in lines]
    assert "wal_keep_size" not in names and "port" not in names
    assert "wal_log_hints = on" in lines
    assert names.count("cluster_name") == 1 and "cluster_name = 'pgsql-srv1'" in lines
    assert any("application_name=srv1" in line for line in lines), "PAF asks for it"
    assert "synchronous_standby_names" not in names, "no standby is there yet"


def test_it_tells_which_lines_pg_hba_lacks(world: World) -> None:
    said = world.adopt().stderr
    assert "replication  replicator" in said and "haproxy" in said
    assert "postgres                   peer" not in said, "it has this one"


def test_once_more_changes_nothing(world: World) -> None:
    def files() -> dict[str, str]:
        paths = [*world.data.glob("*.conf"), *world.conf.glob("*.conf")]
        return {str(path): path.read_text() for path in paths}

    world.adopt()
    before = files()
    assert world.adopt().returncode == 0
    assert files() == before


def test_debians_configuration_goes_beside_the_data(tmp_path: Path) -> None:
    world = World(tmp_path, "etc")
    (world.conf / "start.conf").write_text("auto\n")
    (world.conf / "conf.d").mkdir()
    (world.conf / "conf.d" / "mine.conf").write_text("work_mem = 2GB\n")
    world.adopt()
    text = (world.data / "postgresql.conf").read_text()
    assert "data_directory" not in text and "hba_file" not in text and "work_mem" in text
    assert text.count("include") == 1
    assert (world.data / "pg_hba.conf").read_text() == HBA
    assert (world.data / "conf.d" / "mine.conf").exists()
    assert (world.conf / "start.conf").read_text() == "disabled\n"


def test_a_pg_hba_beside_the_data_is_not_overwritten(tmp_path: Path) -> None:
    world = World(tmp_path, "etc")
    (world.data / "pg_hba.conf").write_text("local all all reject\n")
    assert world.adopt().returncode == 0
    assert (world.data / "pg_hba.conf").read_text() == "local all all reject\n"


def test_an_instance_that_cannot_be_followed_is_refused(world: World) -> None:
    (world.place / "unfit").write_text("wal_level = 'minimal'\n")
    done = world.adopt()
    assert done.returncode == 1 and "wal_level = 'minimal'" in done.stderr
    assert not (world.data / "paf.conf").exists()


def test_without_an_instance_there_is_nothing_to_adopt(world: World) -> None:
    (world.place / "down").touch()
    done = world.adopt()
    assert done.returncode == 1 and "no instance runs" in done.stderr
