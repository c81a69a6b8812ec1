"""A node on which nothing is wrong, as `paf-haproxy check` finds it; tests change it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from paf_haproxy.cli import check
from paf_haproxy.cli.cib import Cib
from paf_haproxy.cli.facts import Facts, Listener, parse_listeners
from paf_haproxy.cli.readiness import Check
from paf_haproxy.params import Params, parse

CIB = (Path(__file__).parent / "data" / "cib.xml").read_text()

HAPROXY = """\
HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/
Status: long-term supported branch - will stop receiving fixes around Q2 2027.
Known bugs: http://www.haproxy.org/bugs/bugs-2.6.12.html
Running on: Linux 6.1.0-27-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.115-1 x86_64
"""
PACEMAKER = "Pacemaker 2.1.5\nWritten by Andrew Beekhof and the Pacemaker project contributors\n"
PAF = "use strict;\nuse 5.008;\n\nour $VERSION = 'v2.3.0';\nour $PROGRAM = 'pgsqlms';\n"

SS = """\
LISTEN 0      128          0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=611,fd=3))
LISTEN 0      2000         0.0.0.0:5432       0.0.0.0:*    users:(("haproxy",pid=3020,fd=8))
LISTEN 0      2000            [::]:5432          [::]:*    users:(("haproxy",pid=3020,fd=9))
LISTEN 0      2000         0.0.0.0:5433       0.0.0.0:*    users:(("haproxy",pid=3020,fd=10))
LISTEN 0      200          0.0.0.0:5434       0.0.0.0:*    users:(("postgres",pid=2511,fd=6))
LISTEN 0      200             [::]:5434          [::]:*    users:(("postgres",pid=2511,fd=7))
LISTEN 0      2000         0.0.0.0:5431       0.0.0.0:*    users:(("haproxy",pid=3020,fd=11))
LISTEN 0      2000         0.0.0.0:5435       0.0.0.0:*    users:(("haproxy",pid=3020,fd=12))
LISTEN 0      100        127.0.0.1:5437       0.0.0.0:*    users:(("haproxy",pid=3020,fd=13))
LISTEN 0      100            [::1]:5437          [::]:*    users:(("haproxy",pid=3020,fd=14))
LISTEN 0      100          0.0.0.0:7000       0.0.0.0:*    users:(("haproxy",pid=3020,fd=15))
LISTEN 0      2000         0.0.0.0:8008       0.0.0.0:*    users:(("haproxy",pid=3020,fd=16))
LISTEN 0      4096   127.0.0.53%lo:53         0.0.0.0:*    users:(("systemd-resolve",pid=402,fd=14))
"""
MASTER = 3020

SETTINGS = {
    "authentication_timeout": "60",
    "data_checksums": "off",
    "hot_standby": "on",
    "listen_addresses": "*",
    "port": "5434",
    "primary_conninfo": "host=127.0.0.1 port=5437 user=replicator application_name=srv2",
    "recovery_target_timeline": "latest",
    "unix_socket_directories": "/run/postgresql",
    "wal_init_zero": "off",
    "wal_log_hints": "on",
}


def rule(
    line: int, kind: str, database: str, user: str, method: str, **more: Any
) -> dict[str, Any]:
    """A row of pg_hba_file_rules."""
    row = {"line": line, "type": kind, "database": [database], "user": [user], "method": method}
    return {**row, "options": None, "error": None, **more}


RULES = [
    rule(2, "host", "replication", "replicator", "scram-sha-256"),
    rule(5, "local", "postgres", "haproxy", "peer"),
    rule(6, "local", "all", "postgres", "peer"),
    rule(7, "host", "all", "all", "scram-sha-256"),
]
ROLE = {
    "login": True,
    "statistics": True,
    "groups": ["haproxy", "pg_read_all_stats"],
    "connect": True,
}
UNITS = {
    "haproxy": ("disabled", "inactive"),
    "pgbouncer": ("", "inactive"),
    "pacemaker": ("disabled", "active"),
}


def listeners(text: str = SS, *others: str) -> tuple[Listener, ...]:
    """The sockets of `ss`. HAProxy's process is MASTER."""
    found = parse_listeners("\n".join([text.rstrip(), *others]))
    return tuple(dataclasses.replace(each, ours=each.pid == MASTER) for each in found)


def world(**changes: Any) -> Facts:
    """The facts of a node on which nothing is wrong, but for the changes."""
    params: Params = changes.get("params", parse({}))
    facts: dict[str, Any] = {
        "node": "srv2",
        "resource": "haproxy",
        "params": params,
        "cib": Cib(CIB),
        "postgres": {"recovery": True, "settings": SETTINGS, "role": ROLE, "hba": RULES},
        "login": "",
        "asked": params,
        "listeners": listeners(),
        "runs": True,
        "units": UNITS,
        "versions": {"haproxy": HAPROXY, "pacemaker": PACEMAKER, "paf": PAF},
        "addresses": {f"srv{n}": (f"10.20.30.5{n}",) for n in (1, 2, 3)},
        "clock": "yes\n",
    }
    return Facts(**(facts | changes))


def cib(*changes: tuple[str, str]) -> Cib:
    """The CIB, with texts in the place of others. Refuses a change that changes nothing."""
    text = CIB
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return Cib(text)


def settings(**changes: str | None) -> dict[str, Any]:
    """PostgreSQL's answer with other settings. None: PostgreSQL does not know the setting."""
    found = {name: value for name, value in {**SETTINGS, **changes}.items() if value is not None}
    return {"recovery": True, "settings": found, "role": ROLE, "hba": RULES}


def hba(*rules: dict[str, Any]) -> dict[str, Any]:
    """PostgreSQL's answer with another pg_hba.conf."""
    return {"recovery": True, "settings": SETTINGS, "role": ROLE, "hba": list(rules)}


def role(**changes: Any) -> dict[str, Any]:
    """PostgreSQL's answer with another role."""
    return {"recovery": True, "settings": SETTINGS, "role": {**ROLE, **changes}, "hba": RULES}


def outcomes(facts: Facts, name: str) -> list[Check]:
    """The checks of a name."""
    found = [each for each in check.judged(facts) if each.name == name]
    assert found, f"there is no check {name}"
    return found


POOLER = parse({"pooler": "/run/postgresql"})
DEMOTE = (
    'first="pgsqld-clone" first-action="demote" id="order-pgsqld-clone-haproxy-clone-Optional"'
    ' kind="Optional" symmetrical="false" then="haproxy-clone"'
)
TURNED = DEMOTE.replace("pgsqld-clone", "x").replace("haproxy-clone", "pgsqld-clone")
TURNED = TURNED.replace("x", "haproxy-clone")


def replaced(old: str, new: str) -> dict[str, Any]:
    return {"cib": cib((old, new))}


def removed(tag: str, identity: str) -> dict[str, Any]:
    """The CIB without the element of an id."""
    found = Cib(CIB)
    for parent in found.root.iter():
        for each in parent.findall(tag):
            if each.get("id") == identity:
                parent.remove(each)
                return {"cib": Cib(ElementTree.tostring(found.root, encoding="unicode"))}
    raise AssertionError(identity)


def added(text: str) -> dict[str, Any]:
    return replaced("<constraints>", f"<constraints>{text}")


def version(program: str, text: str) -> dict[str, Any]:
    known = {"haproxy": HAPROXY, "pacemaker": PACEMAKER, "paf": PAF}
    return {"versions": {**known, program: text}}


def assert_found(changes: dict[str, Any], name: str, outcome: str, text: str, do: str) -> None:
    """Fails unless the first check of that name says this of a node with these changes."""
    found = outcomes(world(**changes), name)[0]
    assert found.outcome == outcome, found
    assert text in found.text
    assert do in found.do
    assert bool(found.do) == bool(do)
