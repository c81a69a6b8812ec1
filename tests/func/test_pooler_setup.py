"""pcs-scripts/45-pgbouncer.sh: who is let in, and where the passwords are."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from tests.func.conftest import Pair
from tests.tools import ROOT
from tests.tools.instance import PORT as PGPORT
from tests.tools.instance import WHO, query
from tests.tools.node import Cluster
from tests.tools.pgbouncer import PORT, Pooler
from tests.tools.waiting import eventually

SCRIPT = ROOT / "pcs-scripts" / "45-pgbouncer.sh"
PASSWORDS = {"pgbouncer": 'of "the" pooler\\', "app": "it's of the app"}
HBA = "local all all peer\nhost all all 127.0.0.0/8 scram-sha-256\n"
SYSTEMCTL = '#!/bin/sh\necho "$@" >>"${0%/*}/called"\n'


def setup(word: str, directory: Path, socket: Path) -> None:
    """Runs the script as root would on a node, where systemd is not."""
    stand_ins = directory / "bin"
    stand_ins.mkdir(exist_ok=True)
    (stand_ins / "systemctl").write_text(SYSTEMCTL)
    (stand_ins / "systemctl").chmod(0o755)
    environ = {
        "PATH": f"{stand_ins}:{os.environ['PATH']}",
        "PGPORT": str(PGPORT),
        "PGSOCKET": str(socket),
        "POOLER_DIR": str(directory),
        "UNITS": str(directory / "units"),
        "POOLER_PASSWORD": PASSWORDS["pgbouncer"],
        "READ_ONLY": "postgres",
    }
    subprocess.run(["bash", str(SCRIPT), word], env=environ, check=True, cwd="/")


@pytest.fixture
def pooler(cluster: Cluster, fresh: Pair, directory: Path) -> Iterator[Pooler]:
    """PgBouncer of srv1, made by the script; PostgreSQL asks everybody for a password."""
    node = cluster.srv1
    made = Pooler(node, Path(tempfile.mkdtemp(dir=directory)))
    setup("role", made.directory, node.postgres.socket)
    setup("role", made.directory, node.postgres.socket)
    node.postgres.sql("ALTER ROLE app PASSWORD 'it''s of the app'; SELECT 1")
    for instance in fresh.all:
        (instance.data / "pg_hba.conf").write_text(HBA)
    cluster.start()
    node.await_up("stdby/srv2")
    known = "SELECT count(*) FROM pg_authid WHERE rolname = 'app' AND rolpassword IS NOT NULL"
    eventually(lambda: cluster.srv2.postgres.sql(known) == 1, "srv2 has the password")
    for _ in range(2):
        setup("node", made.directory, made.directory)
    ini = made.directory / "pgbouncer.ini"
    text = ini.read_text().replace("127.0.0.1", node.address)
    ini.write_text(text.replace("listen_addr = *", f"listen_addr = {node.address}"))
    subprocess.run(["chown", "-R", "postgres:", str(made.directory)], check=True)
    node.postgres.sql("SELECT pg_reload_conf()")
    cluster.srv2.postgres.sql("SELECT pg_reload_conf()")
    made.start()
    yield made
    made.kill()


def ask(pooler: Pooler, user: str, password: str, database: str = "postgres") -> object:
    connection = psycopg2.connect(
        host=pooler.node.address,
        port=PORT,
        user=user,
        password=password,
        dbname=database,
        sslmode="require",
    )
    try:
        return query(connection, WHO)
    finally:
        connection.close()


def test_a_client_logs_in_with_its_own_password(pooler: Pooler) -> None:
    assert ask(pooler, "app", PASSWORDS["app"]) == "srv1"
    assert ask(pooler, "app", PASSWORDS["app"], "postgres_ro") == "srv2"
    with pytest.raises(psycopg2.OperationalError, match="SASL authentication failed"):
        ask(pooler, "app", "another")
    with pytest.raises(psycopg2.OperationalError, match="no such user"):
        ask(pooler, "postgres", "any")


def test_no_file_has_the_passwords_of_the_applications(pooler: Pooler) -> None:
    for file in pooler.directory.iterdir():
        if file.is_file():
            assert PASSWORDS["app"] not in file.read_text()
    for name in ("userlist.txt", "server.key", "pgbouncer.ini"):
        assert (pooler.directory / name).stat().st_mode & 0o077 == 0, name
    called = (pooler.directory / "bin" / "called").read_text().splitlines()
    start = ["daemon-reload", "enable --now pgbouncer"]
    assert called == [*start, "restart pgbouncer", *start, "reload pgbouncer"]
    unit = pooler.directory / "units" / "pgbouncer.service.d" / "paf-haproxy.conf"
    assert "Restart=always" in unit.read_text()
