"""The migrations of docs/operations.md, typed as they stand, with clients at work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paf_lab.layout import DATABASE_NODES
from paf_lab.migration import WAYS
from paf_lab.node import named
from paf_lab.topology.on_5432 import COUNT, ROWS

from .conftest import lab
from .typing_page import typed, whole

pytestmark = [pytest.mark.lab, pytest.mark.long]


@pytest.fixture(scope="module", autouse=True)
def others_get_their_lab_back() -> Iterator[None]:
    yield
    lab("down")
    lab("up", timeout=900)


@pytest.fixture(scope="module", params=list(WAYS))
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What `lab migrate` wrote. The cluster that it has made stands."""
    file: Path = tmp_path_factory.mktemp("migrate") / "report.json"
    lab("migrate", request.param, "--json", str(file), timeout=2400, check=False)
    assert file.exists(), f"lab migrate {request.param} wrote no report"
    return json.loads(file.read_text())


def test_it_arrives_and_costs_no_more_than_it_may(report: Any) -> None:
    assert report["findings"]
    assert not [each for each in report["findings"] if not each["passed"]]


def test_check_was_asked_on_every_node(report: Any) -> None:
    assert set(report["check"]) == set(DATABASE_NODES)
    for document in report["check"].values():
        assert len(document["checks"]) > 30, "PostgreSQL and Pacemaker were looked at, too"


def test_postgresql_has_the_port_of_this_project(report: Any) -> None:
    whole()
    for node in DATABASE_NODES:
        said = typed(node, "runuser -u postgres -- psql -p 5434 -XAtc 'SHOW port'")
        assert said.strip() == "5434"
        left = named(node).run("test", "-e", "/run/postgresql/.s.PGSQL.5432", check=False)
        assert left.returncode
    paf = typed("srv1", "crm_resource --resource pgsqld --get-parameter pgport")
    assert paf.strip() == "5434"
    for name in ("prod_port", "stdby_port", "state_port"):
        ask = ("crm_resource", "--resource", "haproxy", "--get-parameter", name)
        assert not named("srv1").run(*ask, check=False).stdout.strip(), f"{name} is temporary"


def test_the_cluster_can_switch_over_afterwards(report: Any) -> None:
    """PAF demotes and promotes with its new port, and manages the instances again."""
    whole()
    assert "is the primary" in typed("srv1", "paf-haproxy switchover", timeout=400)
    whole()


def test_the_data_of_the_instance_is_on_every_node(report: Any) -> None:
    if report["from"] != "instance":
        pytest.skip("the others begin without data")
    for node in DATABASE_NODES:
        said = typed(node, f"runuser -u postgres -- psql -p 5434 -XAtc '{COUNT}' app")
        assert said.strip() == str(ROWS)
