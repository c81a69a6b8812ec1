"""`paf-haproxy check`: what it finds in PostgreSQL, on ports and in units of systemd."""

from __future__ import annotations

from typing import Any

import pytest
from paf_haproxy.cli.outcome import WRONG, Missing
from paf_haproxy.cli.readiness import NOTE
from paf_haproxy.params import parse

from tests.unit.check_world import (
    POOLER,
    RULES,
    SS,
    UNITS,
    assert_found,
    hba,
    listeners,
    role,
    rule,
    settings,
)

DOWN = Missing("PostgreSQL on this node: connection to server failed: Connection refused")
FAULTY = {
    **dict.fromkeys(("type", "database", "user", "method", "options")),
    "line": 95,
    "error": 'invalid authentication method "bogus"',
}
SERVER = 'connection to server on socket "/run/postgresql/.s.PGSQL.5434"'


@pytest.mark.parametrize(
    ("changes", "name", "outcome", "text", "do"),
    [
        # The role
        ({"postgres": {**role(), "role": None}}, "role", WRONG, "there is no role haproxy",
         "on the primary: runuser -u postgres -- psql -h /run/postgresql -p 5434"
         " -c 'CREATE ROLE haproxy LOGIN' -c 'GRANT pg_read_all_stats TO haproxy'"),
        ({"postgres": role(login=False)}, "role", WRONG, "may not log in", "ALTER ROLE haproxy"),
        ({"postgres": role(connect=False)}, "database", WRONG, "may not connect to postgres",
         "GRANT CONNECT ON DATABASE postgres TO haproxy"),
        ({"postgres": role(connect=None)}, "database", WRONG, "there is no database postgres",
         "--set-parameter pgdatabase --parameter-value postgres"),
        ({"postgres": role(statistics=False)}, "statistics", NOTE, "no member",
         "GRANT pg_read_all_stats TO haproxy"),
        ({"login": f"{SERVER} failed: FATAL:  Peer authentication failed for user \"haproxy\""},
         "login", WRONG, "OS user haproxy cannot log in as haproxy: FATAL: Peer authentication",
         "correct what is WRONG above; then runuser -u postgres"),
        ({"login": Missing("parameter user: no user haproxy")}, "login", NOTE, "not known: para",
         ""),
        ({"postgres": DOWN}, "system_user", WRONG, "postgres cannot log in over the Unix socket",
         "local all postgres peer"),
        ({"postgres": DOWN}, "PostgreSQL", NOTE, "not known: PostgreSQL on this node", ""),
        # pg_hba.conf
        ({"postgres": hba(*RULES, FAULTY)}, "pg_hba.conf", WRONG,
         'line 95: invalid authentication method "bogus"', "SELECT pg_reload_conf()"),
        ({"postgres": hba(RULES[0], RULES[2], RULES[3])}, "peer", WRONG, "no line of pg_hba.conf",
         "first in pg_hba.conf: local postgres haproxy peer; then runuser -u postgres"),
        ({"postgres": hba(rule(1, "local", "all", "all", "scram-sha-256"), *RULES)}, "peer", WRONG,
         "line 1 of pg_hba.conf comes first for haproxy: scram-sha-256", "first in pg_hba.conf"),
        ({"postgres": hba(rule(1, "local", "all", "all", "peer", options=["map=m"]))}, "peer", NOTE,
         "line 1 of pg_hba.conf uses map=m", ""),
        ({"params": parse({"pguser": "agent"}), "postgres": hba(
            rule(3, "local", "all", "all", "peer"))}, "peer", WRONG,
         "lets in OS user agent, not haproxy", "in pg_ident.conf: haproxy haproxy agent"),
        # Settings
        ({"postgres": settings(port="5432")}, "port", WRONG,
         "port is 5432, parameter pgport is 5434", "in postgresql.conf: port = 5434"),
        ({"postgres": settings(unix_socket_directories="/tmp")}, "socket", WRONG,
         "unix_socket_directories is '/tmp'", "unix_socket_directories = '/run/postgresql'"),
        ({"postgres": settings(listen_addresses="localhost, 127.0.0.1,::1")}, "addresses", WRONG,
         "listens only on localhost", "listen_addresses = '*'"),
        ({"postgres": settings(listen_addresses="")}, "addresses", WRONG, "on no address",
         "listen_addresses = '*'"),
        ({"postgres": settings(hot_standby="off")}, "hot_standby", WRONG, "accepts no connections",
         "hot_standby = on"),
        ({"postgres": settings(wal_log_hints="off")}, "pg_rewind", NOTE, "pg_rewind cannot",
         "wal_log_hints = on"),
        ({"postgres": settings(recovery_target_timeline="current")}, "timeline", WRONG,
         "is 'current'", "recovery_target_timeline = latest; then restart"),
        ({"postgres": settings(recovery_target_timeline=None)}, "timeline", NOTE,
         "not known: PostgreSQL before 12", ""),
        ({"postgres": settings(authentication_timeout="5")}, "authentication", WRONG,
         "is 5 s, less than 10 s", "ALTER SYSTEM SET authentication_timeout = '60s'"),
        ({"postgres": settings(wal_init_zero="on")}, "wal_init_zero", NOTE, "fills 16 MB",
         "ALTER SYSTEM SET wal_init_zero = off"),
        # Replication
        ({"postgres": settings(primary_conninfo="host=127.0.0.1 port=5432 user=r")}, "replication",
         NOTE, "port 5432, where clients connect",
         "\"ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=5437 user=r"
         " application_name=srv2'\" -c 'SELECT pg_reload_conf()'"),
        ({"postgres": settings(primary_conninfo="host=localhost port=5434")}, "replication", WRONG,
         "this node's own PostgreSQL", "port=5437 user=replicator application_name=srv2"),
        ({"postgres": settings(primary_conninfo="host=/run/postgresql port=5434")}, "replication",
         WRONG, "this node's own PostgreSQL", "port=5437"),
        ({"postgres": settings(primary_conninfo="host=::1 port=5999")}, "replication", WRONG,
         "which is no HAProxy", "port=5437"),
        ({"postgres": settings(primary_conninfo="")}, "replication", WRONG, "is empty",
         "host=127.0.0.1 port=5437 user=replicator"),
        ({"postgres": settings(primary_conninfo="host=srv1 port=5434")}, "replication", WRONG,
         "srv1 port 5434: a standby does not follow", "port=5437"),
        ({"postgres": settings(primary_conninfo="host=10.20.30.51 port=5434")}, "replication",
         WRONG, "a standby does not follow", "port=5437"),
        ({"postgres": settings(primary_conninfo="host=vip port=5434 password=secret")},
         "replication", NOTE, "vip port 5434, and not through the HAProxy of this node",
         "in primary_conninfo: host=127.0.0.1 port=5437; then"),
        ({"postgres": settings(primary_conninfo="host")}, "replication", NOTE, "not known", ""),
        ({"postgres": settings(primary_conninfo=None)}, "replication", NOTE, "not known", ""),
        # Ports
        ({"listeners": listeners(SS, 'LISTEN 0 5 *:7000 *:* users:(("java",pid=77,fd=5))')},
         "port 7000", WRONG, "java (pid 77) listens on stats_port", "ss -ltnp sport = :7000"),
        ({"listeners": listeners(SS, 'LISTEN 0 5 *:5432 *:* users:(("haproxy",pid=78,fd=5))')},
         "port 5432", WRONG, "haproxy (pid 78)", "systemctl disable --now haproxy"),
        ({"listeners": listeners(SS.replace("postgres", "haproxy"))}, "port 5434", WRONG,
         "haproxy (pid 2511) listens on pgport", "haproxy"),
        ({"listeners": listeners("LISTEN 0 5 0.0.0.0:8008 0.0.0.0:*"), "runs": False},
         "port 8008", WRONG, "an unknown program listens on rest_port", "ss -ltnp sport = :8008"),
        ({"listeners": ()}, "port 5432", NOTE, "HAProxy runs, and does not listen",
         "paf-haproxy status"),
        ({"listeners": Missing("ss is not installed")}, "ports", NOTE, "ss is not installed", ""),
        ({"params": POOLER, "listeners": listeners(
            SS, 'LISTEN 0 5 *:6432 *:* users:(("nginx",pid=7,fd=5))')}, "port 6432", WRONG,
         "nginx (pid 7) listens on pooler_port", "ss -ltnp"),
        # Units
        ({"units": {**UNITS, "haproxy": ("enabled", "active")}}, "haproxy unit", WRONG,
         "haproxy.service is enabled and active", "systemctl disable --now haproxy"),
        ({"units": {**UNITS, "haproxy": ("disabled", "active")}}, "haproxy unit", WRONG,
         "haproxy.service is active", "systemctl disable --now haproxy"),
        ({"units": Missing("systemd does not run this machine")}, "units", NOTE, "not known", ""),
        ({"params": POOLER}, "pgbouncer unit", WRONG, "pgbouncer.service is inactive",
         "systemctl enable --now pgbouncer"),
        ({"units": {**UNITS, "pacemaker": ("enabled", "active")}}, "boot", NOTE, "starts at boot",
         "systemctl disable pacemaker"),
    ],
)  # fmt: skip
def test_what_is_found(
    changes: dict[str, Any], name: str, outcome: str, text: str, do: str
) -> None:
    assert_found(changes, name, outcome, text, do)
