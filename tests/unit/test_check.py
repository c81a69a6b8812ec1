"""`paf-haproxy check`: what passes, and how it is shown."""

from __future__ import annotations

import shlex
import subprocess
from typing import Any

import pytest
from paf_haproxy.cli import (
    check,
    checks_hba,
    outcome,
)
from paf_haproxy.cli.cib import Cib, seconds
from paf_haproxy.cli.outcome import WRONG
from paf_haproxy.cli.readiness import FINE, NOTE, Check
from paf_haproxy.params import parse

from tests.unit.check_world import (
    CIB,
    DEMOTE,
    POOLER,
    RULES,
    SS,
    TURNED,
    UNITS,
    cib,
    hba,
    listeners,
    outcomes,
    replaced,
    rule,
    settings,
    version,
    world,
)

FAULTY = {
    **dict.fromkeys(("type", "database", "user", "method", "options")),
    "line": 95,
    "error": 'invalid authentication method "bogus"',
}


def test_nothing_is_wrong() -> None:
    checks = check.judged(world())
    assert [each for each in checks if each.outcome != FINE] == []
    assert len(checks) > 40


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
