"""What `paf-haproxy check` is told by a real PostgreSQL."""

from __future__ import annotations

from paf_haproxy import postgres
from paf_haproxy.cli import checks_hba, postgres_facts
from paf_haproxy.params import Params, parse

from tests.tools.instance import Instance
from tests.tools.node import Cluster


def params(instance: Instance, **more: str) -> Params:
    return parse({"pghost": str(instance.socket), "statedir": str(instance.socket), **more})


def test_what_postgresql_tells(steady: Cluster) -> None:
    srv1, srv2 = (node.postgres for node in steady.nodes)
    found = postgres_facts.ask(params(srv1))
    assert set(found["settings"]) == set(postgres_facts.SETTINGS)
    assert found["settings"]["port"] == "5434"
    assert found["role"]["login"] and found["role"]["connect"]
    assert "haproxy" in found["role"]["groups"]
    assert not [each for each in found["hba"] if each["error"]]
    assert (found["recovery"], postgres_facts.ask(params(srv2))["recovery"]) == (False, True)
    rule = checks_hba.first(found["hba"], "haproxy", "postgres", found["role"]["groups"])
    assert rule and rule["method"] == "peer"


def test_a_role_and_a_database_that_are_not_there(steady: Cluster) -> None:
    srv1 = steady.nodes[0].postgres
    assert postgres_facts.ask(params(srv1, pguser="stranger"))["role"] is None
    assert postgres_facts.ask(params(srv1, pgdatabase="nowhere"))["role"]["connect"] is None


def test_a_login_as_haproxy(steady: Cluster) -> None:
    srv1 = steady.nodes[0].postgres
    assert postgres.login(params(srv1)) == ""
    assert "Peer authentication failed" in postgres.login(params(srv1, user="nobody"))
    assert "does not exist" in postgres.login(params(srv1, pgdatabase="nowhere"))
