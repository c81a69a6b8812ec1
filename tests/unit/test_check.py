"""`paf-haproxy check`: each check with facts that pass, and with facts that do not."""

from __future__ import annotations

import json
import os
import pwd
import shlex
import subprocess
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from paf_haproxy import network, postgres, process, supervisor
from paf_haproxy.cli import (
    check,
    checks_cib,
    checks_hba,
    facts,
    main,
    outcome,
    postgres_facts,
)
from paf_haproxy.cli.cib import Cib, seconds
from paf_haproxy.cli.outcome import WRONG, Missing
from paf_haproxy.cli.readiness import FINE, NOTE, Check
from paf_haproxy.command import CommandError
from paf_haproxy.ocf import AgentError
from paf_haproxy.params import parse

from tests.unit.check_world import (
    CIB,
    HAPROXY,
    MASTER,
    PACEMAKER,
    PAF,
    ROLE,
    RULES,
    SETTINGS,
    SS,
    UNITS,
    cib,
    hba,
    listeners,
    outcomes,
    role,
    rule,
    settings,
    world,
)

DOWN = Missing("PostgreSQL on this node: connection to server failed: Connection refused")
POOLER = parse({"pooler": "/run/postgresql"})
DEMOTE = (
    'first="pgsqld-clone" first-action="demote" id="order-pgsqld-clone-haproxy-clone-Optional"'
    ' kind="Optional" symmetrical="false" then="haproxy-clone"'
)
TURNED = DEMOTE.replace("pgsqld-clone", "x").replace("haproxy-clone", "pgsqld-clone")
TURNED = TURNED.replace("x", "haproxy-clone")
FAULTY = {
    **dict.fromkeys(("type", "database", "user", "method", "options")),
    "line": 95,
    "error": 'invalid authentication method "bogus"',
}
SERVER = 'connection to server on socket "/run/postgresql/.s.PGSQL.5434"'
COLOCATION = "colocation-haproxy-clone-pgsqld-clone-INFINITY"
PROMOTE = 'id="order-pgsqld-clone-haproxy-clone-mandatory" symmetrical="false"'


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


def test_nothing_is_wrong() -> None:
    checks = check.judged(world())
    assert [each for each in checks if each.outcome != FINE] == []
    assert len(checks) > 40


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
        # Resources
        ({"cib": Missing("cibadmin is not installed")}, "Pacemaker CIB", NOTE, "not known", ""),
        (replaced('id="haproxy-clone-meta_attributes-notify" name="notify" value="true"',
                  'id="haproxy-clone-meta_attributes-notify" name="notify" value="false"'),
         "resource", WRONG, "haproxy-clone lacks notify=true",
         "pcs -f ha resource meta haproxy-clone notify=true && pcs cluster cib-push"),
        (removed("nvpair", "haproxy-clone-meta_attributes-promotable"), "resource", WRONG,
         "haproxy-clone lacks promotable=true", "promotable=true"),
        (removed("nvpair", "pgsqld-clone-meta_attributes-notify"), "PAF resource", WRONG,
         "pgsqld-clone lacks notify=true", "pcs -f ha resource meta pgsqld-clone notify=true"),
        (removed("nvpair", "pgsqld-clone-meta_attributes-promotable"), "PAF resource", WRONG,
         "pgsqld-clone lacks promotable=true", "promotable=true"),
        (replaced('id="pgsqld-meta_attributes-migration-threshold" name="migration-threshold"'
                  ' value="5"/>', 'id="n" name="notify" value="true"/>'), "PAF resource", FINE,
         "gets notifications", ""),
        (removed("nvpair", "haproxy-clone-meta_attributes-interleave"), "interleave", WRONG,
         "haproxy-clone lacks interleave=true", "interleave=true"),
        (removed("clone", "haproxy-clone"), "resource", WRONG, "no resource of ocf:paf:haproxy",
         "60-haproxy.sh"),
        (removed("clone", "pgsqld-clone"), "PAF resource", WRONG, "there is no clone pgsqld-clone",
         "50-paf.sh"),
        (replaced('name="pgport" value="5434"', 'name="pgport" value="5432"'), "PAF pgport", WRONG,
         "PAF's pgport is 5432, parameter pgport of the agent is 5434",
         "crm_resource --resource haproxy --set-parameter pgport --parameter-value 5432"),
        (replaced('name="migration-threshold" value="INFINITY"',
                  'name="migration-threshold" value="3"'), "failures", WRONG,
         "migration-threshold is 3", "migration-threshold --parameter-value INFINITY"),
        (removed("nvpair", "haproxy-meta_attributes-migration-threshold"), "failures", FINE,
         "tried again after 30s", ""),
        (removed("nvpair", "haproxy-meta_attributes-failure-timeout"), "failures", WRONG,
         "no failure-timeout", "--meta --set-parameter failure-timeout --parameter-value 30s"),
        # Operations
        (removed("op", "haproxy-monitor-interval-4s"), "monitor", WRONG,
         "haproxy has no monitor of role Promoted",
         "resource op add haproxy monitor interval=4s timeout=20s role=Promoted"),
        (replaced('interval="4s"', 'interval="5000ms"'), "monitor", WRONG,
         "both roles have the interval 5 s", "resource op remove haproxy-monitor-interval-4s"),
        (replaced('interval="5s"', 'interval="11"'), "monitor", WRONG, "11 s (Unpromoted)",
         "resource op add haproxy monitor interval=5s"),
        (replaced('interval="5s"', 'interval="10s"'), "monitor", NOTE, "4 s and 5 s are usual",
         "resource op add"),
        (replaced('interval="5s"', 'interval="often"'), "monitor", NOTE, "not known", ""),
        (replaced('"haproxy-monitor-interval-4s"', '"m" enabled="false"'), "monitor", WRONG,
         "no monitor of role Promoted", "op add"),
        (replaced('name="notify" timeout="10s"', 'name="notify" timeout="5s"'), "notify", WRONG,
         "notify of haproxy may take 5 s, and needs 10 s",
         "haproxy-notify-interval-0s && pcs -f ha resource op add haproxy notify timeout=10s"),
        (removed("op", "haproxy-notify-interval-0s"), "notify", FINE, "may take 20 s", ""),
        (removed("op", "pgsqld-notify-interval-0s"), "PAF notify", WRONG, "may take 20 s, and",
         "resource op add pgsqld notify timeout=60s"),
        (removed("op", "pgsqld-monitor-interval-16s"), "PAF monitor", WRONG,
         "pgsqld has no monitor of role Unpromoted", "interval=16s timeout=10s role=Unpromoted"),
        # The cluster
        (replaced('name="stonith-enabled" value="true"', 'name="stonith-enabled" value="false"'),
         "fencing", WRONG, "stonith-enabled is false", "pcs property set stonith-enabled=true"),
        (removed("primitive", "fence"), "fencing", WRONG, "there is no stonith resource",
         "30-fencing.sh"),
        (replaced('name="load-threshold" value="0%"', 'name="load-threshold" value="200%"'),
         "load-threshold", WRONG, "200%: above it", "pcs property set load-threshold=0%"),
        (removed("nvpair", "cib-bootstrap-options-load-threshold"), "load-threshold", WRONG,
         "80%, the default", "load-threshold=0%"),
        # Constraints
        (removed("rsc_colocation", COLOCATION), "colocation", WRONG, "nothing keeps haproxy-clone",
         "70-constraints.sh"),
        (replaced(' influence="false"', ""), "colocation", WRONG, "lacks influence=false",
         f"pcs -f ha constraint remove {COLOCATION} && pcs -f ha constraint colocation add Promoted"
         " haproxy-clone with Promoted pgsqld-clone INFINITY influence=false && pcs cluster"),
        (replaced('score="INFINITY"', 'score="100"'), "colocation", WRONG, "has score 100",
         "remove"),
        (replaced('with-rsc-role="Promoted"', 'with-rsc-role="Started"'), "colocation", WRONG,
         "nothing keeps", "70-constraints.sh"),
        (added('<rsc_colocation id="c" rsc="pgsqld-clone" with-rsc="haproxy-clone" score="1"/>'),
         "colocation", WRONG, "c places PostgreSQL by HAProxy", "constraint remove c"),
        (removed("rsc_order", "order-pgsqld-clone-haproxy-clone-mandatory"), "promote order", WRONG,
         "nothing promotes pgsqld-clone before haproxy-clone", "70-constraints.sh"),
        (replaced(PROMOTE, PROMOTE.replace("false", "true")), "promote order", WRONG,
         "lacks symmetrical=false", "then promote haproxy-clone symmetrical=false"),
        (replaced(PROMOTE, f'{PROMOTE} kind="Optional"'), "promote order", NOTE,
         "has kind Optional", "order promote pgsqld-clone"),
        (removed("rsc_order", "order-pgsqld-clone-haproxy-clone-Optional"), "demote order", NOTE,
         "may take CPU", "70-constraints.sh"),
        (replaced(DEMOTE, TURNED), "demote order", WRONG, "pooler is not set", "70-constraints.sh"),
        (replaced('kind="Optional"', 'kind="Mandatory"'), "demote order", WRONG,
         "must have kind=Optional", "order demote pgsqld-clone then demote haproxy-clone"),
        ({"params": POOLER}, "demote order", WRONG, "pooler is set", "70-constraints.sh"),
        ({"params": POOLER, **removed("rsc_order", "order-pgsqld-clone-haproxy-clone-Optional")},
         "demote order", WRONG, "PAF does not wait for PgBouncer", "70-constraints.sh"),
        (added('<rsc_location id="cli-prefer-pgsqld-clone" rsc="pgsqld-clone" node="srv2"/>'),
         "constraints", NOTE, "has left cli-prefer-pgsqld-clone",
         "crm_resource --clear --resource pgsqld-clone"),
        # Versions
        (version("haproxy", "HAProxy version 2.8.0-fdd8154 2023/05/31"), "HAProxy", WRONG,
         "HAProxy 2.8.0 hangs", "install a later 2.8"),
        (version("haproxy", "HA-Proxy version 2.2.9-2+deb11u6 2023/12/02"), "HAProxy", WRONG,
         "2.2.9 is too old", "install 2.4 or later"),
        (version("haproxy", "no words"), "HAProxy", NOTE, "not known", ""),
        (version("pacemaker", "Pacemaker 2.0.5\nWritten by Andrew Beekhof"), "Pacemaker", WRONG,
         "2.0.5 is too old", "install 2.1"),
        (version("paf", "our $VERSION = 'v2.2.1';"), "PAF", NOTE, "2.2.1 was not run", "2.3.0"),
        # Names and clock
        ({"addresses": {"srv1": ("10.0.0.1",), "srv2": ("127.0.1.1",), "srv3": ()}}, "names", WRONG,
         "srv2 is 127.0.1.1, which no other node reaches; srv3 does not resolve", "/etc/hosts"),
        ({"addresses": Missing("the nodes are not known")}, "names", NOTE, "not known", ""),
        ({"clock": "no\n"}, "clock", NOTE, "not synchronized", "timedatectl set-ntp true"),
        ({"clock": Missing("timedatectl is not installed")}, "clock", NOTE, "not known", ""),
    ],
)  # fmt: skip
def test_what_is_found(
    changes: dict[str, Any], name: str, outcome: str, text: str, do: str
) -> None:
    found = outcomes(world(**changes), name)[0]
    assert found.outcome == outcome, found
    assert text in found.text
    assert do in found.do
    assert bool(found.do) == bool(do)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"postgres": hba(rule(1, "local", "all", "all", "peer"))}, "peer"),
        ({"postgres": hba(rule(1, "local", "replication", "all", "md5"), *RULES)}, "peer"),
        ({"postgres": hba(rule(1, "local", "all", "+dba", "md5"), *RULES)}, "peer"),
        ({"postgres": hba(rule(1, "local", "sameuser", "all", "md5"), *RULES)}, "peer"),
        ({"postgres": hba(rule(1, "local", "/^post", "/^hap", "peer"))}, "peer"),
        ({"postgres": settings(unix_socket_directories="/tmp, /var/run/postgresql")}, "socket"),
        ({"postgres": settings(listen_addresses="localhost,10.20.30.52")}, "addresses"),
        ({"postgres": settings(wal_log_hints="off", data_checksums="on")}, "pg_rewind"),
        ({"postgres": settings(authentication_timeout="10")}, "authentication"),
        ({"postgres": settings(wal_init_zero=None)}, "wal_init_zero"),
        ({"postgres": settings(primary_conninfo="postgresql://r@[::1]:5437/")}, "replication"),
        ({"listeners": listeners("", ""), "runs": False}, "port 5432"),
        ({"listeners": listeners(SS, 'LISTEN 0 5 10.1.1.1:5437 *:* users:(("x",pid=7,fd=5))')},
         "port 5437"),
        ({"params": POOLER, "units": {**UNITS, "pgbouncer": ("enabled", "active")}},
         "pgbouncer unit"),
        ({"params": POOLER, **replaced(DEMOTE, TURNED)}, "demote order"),
        (replaced('role="Promoted" id', 'role="Master" id'), "monitor"),
        (replaced(' role="Unpromoted" id', " id"), "monitor"),
        (replaced(' influence="false"/>', '/>'), "promote order"),
        (version("haproxy", "HAProxy version 2.8.3-1ubuntu3 2023/09/08"), "HAProxy"),
        (version("haproxy", "HAProxy version 2.4.0-6cbbecf 2021/05/14"), "HAProxy"),
        (version("haproxy", "HAProxy version 3.5-dev5 2026/10/02"), "HAProxy"),
        (version("pacemaker", "Pacemaker 3.0.0\nWritten by"), "Pacemaker"),
    ],
)  # fmt: skip
def test_what_passes(changes: dict[str, Any], name: str) -> None:
    assert [each.outcome for each in outcomes(world(**changes), name)] == [FINE]


def test_critical_decides_if_the_colocation_has_no_influence() -> None:
    """Pacemaker Explained: the default of influence is the meta attribute critical."""
    critical = '<nvpair id="c" name="critical" value="false"/>'
    meta = '<meta_attributes id="haproxy-meta_attributes">'
    found = world(cib=cib((' influence="false"', ""), (meta, meta + critical)))
    assert outcomes(found, "colocation")[0].outcome == FINE


def test_constraints_of_resource_sets_are_not_judged() -> None:
    sets = '<resource_set id="{0}s"><resource_ref id="haproxy-clone"/></resource_set>'
    text = f'<rsc_colocation id="a">{sets.format("a")}</rsc_colocation>'
    text += f'<rsc_order id="b">{sets.format("b")}</rsc_order>'
    found = Cib(CIB.replace("<constraints>", f"<constraints>{text}"))
    parent = found.root.find("configuration/constraints")
    assert parent is not None
    for each in list(parent)[2:]:
        parent.remove(each)
    for name in ("colocation", "promote order"):
        assert outcomes(world(cib=found), name)[0].text.startswith("not known: ")


def test_a_resource_with_a_template_and_defaults() -> None:
    template = (
        '<template id="t" class="ocf" provider="paf" type="haproxy"><operations>'
        '<op id="n" name="notify" interval="0" timeout="5s"/></operations></template>'
    )
    found = cib(
        ("<resources>", f"<resources>{template}"),
        ('<primitive id="haproxy" class', '<primitive id="haproxy" template="t" class'),
        ('<op name="notify" timeout="10s" interval="0s" id="haproxy-notify-interval-0s"/>', ""),
    )
    assert outcomes(world(cib=found), "notify")[0].outcome == WRONG
    default = '<op_defaults><meta_attributes id="o"><nvpair id="p" name="timeout" value="70s"/>'
    found = cib(
        ("<rsc_defaults>", f"{default}</meta_attributes></op_defaults><rsc_defaults>"),
        ('<op name="notify" timeout="60s" interval="0s" id="pgsqld-notify-interval-0s"/>', ""),
    )
    assert outcomes(world(cib=found), "PAF notify")[0].text == "may take 70 s"


@pytest.mark.parametrize(
    ("text", "value"),
    [("4s", 4), ("4", 4), ("4000ms", 4), ("2min", 120), ("1h", 3600), ("PT1M", 60),
     ("P1DT2S", 86402), ("", None), ("often", None), ("P", None)],
)  # fmt: skip
def test_intervals_of_pacemaker(text: str, value: float | None) -> None:
    assert seconds(text) == value


def test_a_connection_string_that_libpq_refuses() -> None:
    found = world(postgres=settings(primary_conninfo="password very-secret"))
    (one,) = (each for each in check.judged(found) if each.name == "replication")
    assert one.text == "not known: primary_conninfo is no connection string of libpq"


def test_no_password_is_shown() -> None:
    text = "host=127.0.0.1 port=5432 user=r password=very-secret"
    found = world(postgres=settings(primary_conninfo=text))
    assert "very-secret" not in check.document(found, check.judged(found))


def test_commands_can_be_typed() -> None:
    """A shell splits them as they are meant."""
    params = parse({})
    words = shlex.split(outcome.sql(params, "ALTER SYSTEM SET a = 'b c'", 'GRANT x TO "y"'))
    assert words[words.index("psql") :] == [
        "psql", "-h", "/run/postgresql", "-p", "5434",
        "-c", "ALTER SYSTEM SET a = 'b c'", "-c", 'GRANT x TO "y"',
    ]  # fmt: skip
    assert outcome.identifier("haproxy") == "haproxy"
    assert outcome.identifier("ha-proxy") == '"ha-proxy"'
    done = subprocess.run(["bash", "-n"], input=outcome.pcs("a", "b"), text=True, check=False)
    assert done.returncode == 0


def test_the_first_rule_counts() -> None:
    rules = [FAULTY, *RULES]
    first = checks_hba.first(rules, "haproxy", "postgres", [])
    assert first and first["line"] == 5
    assert checks_hba.first(RULES, "app", "postgres", []) is None


def test_sockets_that_listen() -> None:
    found = listeners()
    assert len(found) == len(SS.splitlines())
    assert {each.address for each in found if each.port == 5437} == {"127.0.0.1", "::1"}
    assert {each.port for each in found if each.ours} == {
        5431, 5432, 5433, 5435, 5437, 7000, 8008
    }  # fmt: skip
    assert found[-1].address == "127.0.0.53"


def test_the_lines() -> None:
    """Text is wrapped. What to type is not."""
    assert outcome.lines(Check("clock", FINE, "yes")) == "  ok     clock          yes\n"
    assert outcome.lines(Check("clock", NOTE, "x")).startswith("  note   clock")
    assert outcome.lines(Check("port 5432", WRONG, "word " * 20, "type " * 20)) == (
        f"  WRONG  port 5432      {'word ' * 11}".rstrip()
        + f"\n{'':24}{'word ' * 9}".rstrip()
        + f"\n         do: {'type ' * 20}\n"
    )


class Node:
    """The programs of a node, as far as `check` runs them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, str | AgentError] = {
            "cibadmin": CIB,
            "/usr/sbin/haproxy": HAPROXY,
            "crm_mon": PACEMAKER,
            "ss": SS,
            "timedatectl": "yes\n",
        }
        self.words: list[list[str]] = []
        self.role: dict[str, Any] | AgentError = settings()
        for name, value in (
            ("run", self.run), ("_agent", lambda: PAF), ("_units", lambda: UNITS)
        ):  # fmt: skip
            monkeypatch.setattr(facts, name, value)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(os, "getpgid", lambda pid: pid)
        monkeypatch.setattr(process, "leader", lambda _: MASTER)
        monkeypatch.setattr(postgres, "listening", lambda _: "4711")
        monkeypatch.setattr(postgres, "login", lambda _: "")
        monkeypatch.setattr(postgres_facts, "ask", self.ask)
        names = world().addresses
        monkeypatch.setattr(network, "resolve", lambda _: names)

    def run(self, words: list[str], *_: object, **__: object) -> str:
        self.words.append(words)
        answer = self.answers[words[0]]
        if isinstance(answer, AgentError):
            raise answer
        return answer

    def ask(self, _: object) -> dict[str, Any]:
        if isinstance(self.role, AgentError):
            raise self.role
        return self.role


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


def test_the_command(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["paf-haproxy", "check"]) == 0
    text = capsys.readouterr().out
    assert "  ok     role           haproxy exists, and may log in\n" in text
    assert text.splitlines()[-1].endswith(": 44 checks: nothing is wrong, 0 not known")
    assert max(map(len, text.splitlines())) <= 79, "nothing is to be typed"
    assert [words[0] for words in node.words].count("cibadmin") == 1


def test_something_is_wrong(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    node.answers["/usr/sbin/haproxy"] = "HAProxy version 2.8.0-fdd8154 2023/05/31"
    node.role = AgentError("PostgreSQL on this node: no\n\tsuch server")
    assert main.main(["paf-haproxy", "check"]) == 1
    text = capsys.readouterr().out
    assert "  WRONG  system_user    postgres cannot log in over the Unix socket:" in text
    assert "  WRONG  HAProxy        HAProxy 2.8.0 hangs (docs/compatibility.md)\n" in text
    assert "         do: install a later 2.8, or another branch\n" in text
    assert "  note   PostgreSQL     not known: PostgreSQL on this node: no such server" in text
    assert text.splitlines()[-1].endswith(": 32 checks: 2 WRONG, 1 not known")


def test_json(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["paf-haproxy", "check", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["resource"] == "haproxy" and told["wrong"] is False
    assert {"name", "outcome", "text", "do"} == set(told["checks"][0])


def test_nothing_can_be_asked(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """No fact is to be had: nothing fails, and each check says why."""
    for name in node.answers:
        node.answers[name] = AgentError(f"{name} is not installed")
    found = facts.gather("")
    assert (found.resource, found.params.pgport) == ("haproxy", 5434)
    names = ("Pacemaker CIB", "ports", "HAProxy", "Pacemaker", "names", "clock")
    for name in names:
        assert outcomes(found, name)[0].outcome == NOTE
        assert "is not installed" in outcomes(found, name)[0].text
    assert main.main(["paf-haproxy", "check"]) == 0


def test_the_cluster_has_no_resource_of_ours_yet(node: Node) -> None:
    node.answers["cibadmin"] = CIB.replace('provider="paf"', 'provider="other"')
    found = facts.gather("")
    assert (found.resource, found.params.pgport) == ("haproxy", 5434)


def test_several_resources(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    more = '<primitive id="lb" class="ocf" type="haproxy" provider="paf"/>'
    node.answers["cibadmin"] = CIB.replace("<resources>", f"<resources>{more}")
    assert main.main(["paf-haproxy", "check"]) == 1
    assert "--resource: lb haproxy" in capsys.readouterr().err
    assert main.main(["paf-haproxy", "--resource", "haproxy", "check"]) == 0


def test_only_root(
    node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main.main(["paf-haproxy", "check"]) == 1
    assert capsys.readouterr().err == (
        "paf-haproxy: only root can check an installation: sudo paf-haproxy check\n"
    )


def test_a_cib_that_is_no_xml(node: Node) -> None:
    node.answers["cibadmin"] = "Signon to CIB failed"
    found = facts.gather("")
    assert isinstance(found.cib, Missing) and "does not print XML" in found.cib.why


def test_a_node_without_postgresql() -> None:
    params = parse({"nodes": "srv1 srv2=10.0.0.2"})
    missing = postgres_facts.absent(params, "srv9")
    assert missing and "srv9 runs no PostgreSQL" in missing.why
    assert postgres_facts.absent(params, "srv2") is None
    assert postgres_facts.absent(parse({}), "srv9") is None
    found = world(postgres=missing, login=missing, params=params)
    assert {each.outcome for each in check.judged(found)} == {FINE, NOTE}


def test_where_postgresql_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Where the agent looks, or else where postmaster.pid of PAF's pgdata says."""
    listens = {"5434": "4711"}
    monkeypatch.setattr(postgres, "listening", lambda each: listens.get(str(each.pgport)))
    params = parse({})
    known = cib(("/var/lib/postgresql/15/main", str(tmp_path)))
    assert postgres_facts.place(known, params) is params
    listens.clear()
    assert postgres_facts.place(known, params) is params, "it does not run"
    pid = subprocess.run(["bash", "-c", "echo $PPID"], capture_output=True, text=True, check=True)
    lines = [pid.stdout.strip(), str(tmp_path), "1764339000", "5432", "/var/run/postgresql", "*"]
    (tmp_path / "postmaster.pid").write_text("\n".join(lines) + "\n")
    found = postgres_facts.place(known, params)
    assert (found.pgport, found.pghost) == (5432, "/var/run/postgresql")
    wrong = outcomes(world(asked=found, postgres=settings(port="5432")), "login")
    assert wrong[0].outcome == FINE
    assert postgres_facts.place(Missing("no"), params) is params


def test_what_cannot_be_had() -> None:
    """The reason is one line."""

    def gone() -> str:
        raise FileNotFoundError(2, "No such file or directory", facts.PAF)

    def late() -> str:
        raise CommandError(["ss", "-Hltnp"], -1, "no end within\n5 s", True)

    for ask, why in ((gone, f"{facts.PAF}: No such file"), (late, "no end within 5 s")):
        found = facts.attempt(ask)
        assert isinstance(found, Missing) and why in found.why


def test_the_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemctl fails with a word on its output, or without one if there is no such unit."""
    said = {("is-enabled", "pacemaker"): "disabled\n", ("is-active", "pacemaker"): "active\n"}

    def run(words: list[str], within: float, fails: bool) -> str:
        assert within <= 5 and fails
        return said.get((words[1], words[2]), "")

    monkeypatch.setattr(facts, "run", run)
    monkeypatch.setattr(supervisor, "present", lambda: True)
    found = facts._units()
    assert found["pacemaker"] == ("disabled", "active") and found["haproxy"] == ("", "")
    assert outcomes(world(units=found), "haproxy unit")[0].outcome == FINE
    monkeypatch.setattr(supervisor, "present", lambda: False)
    with pytest.raises(AgentError, match="systemd does not run this machine"):
        facts._units()


def test_whose_process_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {3019: 3019, 3020: 3019, 77: 77}
    monkeypatch.setattr(os, "getpgid", lambda pid: groups[pid])
    assert facts._in_group(3020, 3019)
    assert not facts._in_group(77, 3019)
    assert not facts._in_group(77, None) and not facts._in_group(0, 3019)


@pytest.mark.parametrize("refusal", ["", "FATAL:  no pg_hba.conf entry"])
def test_a_login_as_haproxy(monkeypatch: pytest.MonkeyPatch, refusal: str) -> None:
    """As the OS user of HAProxy; afterwards the process is root's again."""
    users: list[int] = []
    asked: dict[str, Any] = {}

    class Psycopg2:
        Error = ValueError

        @staticmethod
        def connect(**words: Any) -> Any:
            asked.update(words, euid=users[-1])
            if refusal:
                raise ValueError(refusal)
            return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(postgres, "psycopg2", Psycopg2)
    monkeypatch.setattr(os, "seteuid", users.append)
    monkeypatch.setattr(os, "setegid", lambda _: None)
    user = SimpleNamespace(pw_uid=107, pw_gid=113)
    monkeypatch.setattr(pwd, "getpwnam", {"www": user}.__getitem__)
    params = parse({"user": "www", "pguser": "agent", "pgdatabase": "app"})
    assert postgres.login(params) == refusal
    assert (asked["user"], asked["dbname"], asked["euid"]) == ("agent", "app", 107)
    assert users == [107, 0]
    with pytest.raises(AgentError, match="parameter user: no user haproxy"):
        postgres.login(parse({}))


def test_fencing_is_not_switched_on_before_there_is_a_device() -> None:
    """Pacemaker would start nothing any more."""
    found = removed("primitive", "fence")["cib"]
    found.properties["stonith-enabled"] = "false"
    (check, *_) = checks_cib._cluster(found)
    assert (check.outcome, check.do) == (WRONG, f"bash {outcome.SCRIPTS}/30-fencing.sh")
    found.properties.update({"have-watchdog": "true", "stonith-watchdog-timeout": "10s"})
    found.properties["stonith-enabled"] = "true"
    (check, *_) = checks_cib._cluster(found)
    assert check.outcome == FINE
    found.properties["stonith-watchdog-timeout"] = "0s"
    (check, *_) = checks_cib._cluster(found)
    assert check.outcome == WRONG


def test_the_hosts_of_the_nodes() -> None:
    hosts = facts._hosts
    assert hosts(Cib(CIB), parse({})) == ["srv1", "srv2", "srv3"]
    assert hosts(Cib(CIB), parse({"nodes": "srv1=db1 srv2"})) == ["db1", "srv2"]
    remote = CIB.replace('<node id="3" uname="srv3">', '<node id="3" type="remote" uname="srv3">')
    assert hosts(Cib(remote), parse({})) == ["srv1", "srv2"]
    with pytest.raises(AgentError, match="the nodes of the cluster: no"):
        hosts(Missing("no"), parse({}))


def test_the_question_names_all_that_is_judged() -> None:
    assert set(postgres_facts.SETTINGS) == set(SETTINGS)
    for key in ("recovery", "settings", "role", "hba", *ROLE):
        assert f"'{key}'" in postgres_facts.QUESTION
    assert postgres_facts.QUESTION.replace("%(", "").count("%") == 0
