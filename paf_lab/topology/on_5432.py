"""Where migrations begin: PostgreSQL on port 5432, as most users have it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ..access import CONNECTING, SESSION, Access
from ..image import BLANK
from ..layout import POSTGRESQL, SUITE
from ..node import NODES, Node
from ..scripts import secret
from ..shell import together
from . import proxy, state_socket
from .base import HAPROXY_SOCKET, Step, Topology
from .documented import BEGUN, TYPED_WITHIN, bring
from .paf import GUARD
from .state_socket import StateSocket
from .vip import ADDRESS, Vip

PGPORT = 5432
WRITERS = (CONNECTING, SESSION)
LOCAL: dict[str, Any] = {"pgport": "5434,5432", "pghost": "/run/postgresql,/run/postgresql"}
"""PostgreSQL moves while it is watched: whichever answers."""
VERSION = POSTGRESQL[SUITE]
DIRECT: dict[str, Any] = {"host": NODES[0].name, "port": PGPORT}
ROWS = 10_000
DATA = r"""CREATE ROLE app LOGIN PASSWORD :'password';
CREATE DATABASE app OWNER app;
ALTER SYSTEM SET listen_addresses = '*';
ALTER SYSTEM SET log_destination = 'syslog';
\connect app
CREATE TABLE before_the_cluster AS SELECT i FROM generate_series(1, :rows) AS i;
GRANT SELECT ON before_the_cluster TO app;
"""
COUNT = "SELECT count(*) FROM before_the_cluster"
PORTS = {"prod": 5000, "stdby": 5001}
"""Of the deck's HAProxy, while PostgreSQL has 5432."""
HBA = "host all all samenet scram-sha-256"


class Vip5432(Vip):
    """Its clients use 5432 of the address."""

    name = "vip-5432"
    summary = "PAF and a virtual address, PostgreSQL on 5432 (lab migrate vip)"
    access = Access(targets={kind: {"host": ADDRESS, "port": PGPORT} for kind in WRITERS}, **LOCAL)
    kinds: tuple[str, ...] = WRITERS

    def environment(self, node: Node) -> Mapping[str, str]:
        conninfo = f"host={ADDRESS} port={PGPORT}"
        return {"CONNINFO": conninfo, "PG_HBA": GUARD, "PGPORT": str(PGPORT)}


class StateSocket5432(StateSocket):
    """As on the slides, on the ports that remain."""

    name = "state-socket-5432"
    summary = "the deck, PostgreSQL on 5432 (lab migrate state-socket)"
    pgport = PGPORT
    access = Access(
        admin_socket=HAPROXY_SOCKET,
        prod_port=PORTS["prod"],
        stdby_port=PORTS["stdby"],
        **LOCAL,
    )

    def environment(self, node: Node) -> Mapping[str, str]:
        conninfo = f"host=127.0.0.1 port={PORTS['prod']}"
        return {"CONNINFO": conninfo, "PG_HBA": GUARD, "PGPORT": str(PGPORT)}

    def sections(self) -> tuple[str, ...]:
        return tuple(
            proxy.pool(name, state_socket.checks(role), port=PORTS[name], pgport=PGPORT)
            for name, role in state_socket.ROLES.items()
        )


class Instance(Topology):
    """srv1 has Debian's instance, with data. The others have only what their clients need."""

    name = "instance"
    summary = "one instance on 5432 without a cluster (lab migrate instance)"
    image = BLANK
    provisioned = False
    haproxy = False
    access = Access(targets=dict.fromkeys(WRITERS, DIRECT), **LOCAL)
    kinds: tuple[str, ...] = WRITERS

    def half_built(self) -> bool:
        return any((node.directory / BEGUN).exists() for node in NODES)

    def build(self, step: Step) -> None:
        first, *others = NODES
        if not (first.root / "etc/postgresql").exists():
            with step("fence agent, package and clients"):
                together(bring, NODES)
                together(_clients, others)
            with step("PostgreSQL with data on one node"):
                _instance(first)
            for node in NODES:
                (node.directory / BEGUN).unlink()
        with step("clients' way to it"):
            self.await_whole()

    def _lacking(self) -> str:
        """As that of a cluster, without standbys."""
        for node in NODES:
            words = " ".join(f"{key}={value}" for key, value in DIRECT.items())
            target = f"{words} user=app dbname=app connect_timeout=3"
            done = node.run("psql", "-XAtwd", target, "-c", COUNT, check=False, timeout=30)
            if done.stdout.strip() != str(ROWS):
                return f"clients of {node.name}: {done.stderr.strip()[-200:] or done.stdout}"
        return ""

    def restart(self) -> None:
        NODES[0].run("pg_ctlcluster", VERSION, "main", "restart", "-m", "fast", timeout=90)

    def status(self) -> str:
        return NODES[0].run("pg_lsclusters", check=False).stdout.strip()


def _install(node: Node, *packages: str) -> None:
    words = ("apt-get", "install", "-y", "--no-install-recommends", *packages)
    node.run("apt-get", "update", timeout=TYPED_WITHIN)
    node.run("env", "DEBIAN_FRONTEND=noninteractive", *words, timeout=TYPED_WITHIN)
    password = node.root / "root/.pgpass"
    password.touch(mode=0o600)
    password.write_text(f"*:*:*:app:{secret('app')}\n")


def _clients(node: Node) -> None:
    # The first makes the user postgres, as whom the lab watches.
    _install(node, "postgresql-common", f"postgresql-client-{VERSION}", "python3-psycopg2")


def _instance(node: Node) -> None:
    _install(node, f"postgresql-{VERSION}", "python3-psycopg2")
    values = f"\\set password {secret('app')}\n\\set rows {ROWS}\n"  # not in a list of processes
    words = ("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", "-")
    node.run(*words, user="postgres", input=values + DATA)
    hba = f"/etc/postgresql/{VERSION}/main/pg_hba.conf"
    node.run("sh", "-c", f"echo {shlex.quote(HBA)} >>{hba}")
    node.run("pg_ctlcluster", VERSION, "main", "restart", timeout=90)
