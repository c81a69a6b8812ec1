"""docs/examples/ha_cluster.yml: variables of the Ansible role ha_cluster, version 1.32.1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools import ROOT, pcs_calls
from tests.tools.resources import from_ansible, from_pcs

EXAMPLE = ROOT / "docs" / "examples" / "ha_cluster.yml"
PAGE = ROOT / "docs" / "ansible.md"
OF_THE_ROLE = {
    f"ha_cluster_{name}"
    for name in (
        "cluster_name", "hacluster_password", "start_on_boot", "totem", "manage_firewall",
        "fence_agent_packages", "extra_packages", "cluster_properties", "resource_primitives",
        "resource_clones", "constraints_colocation", "constraints_order",
    )
}  # fmt: skip
"""Those of the role's defaults/main.yml that the example sets."""
EL = {
    "PGBIN": "/usr/pgsql-15/bin",
    "PGDATA": "/var/lib/pgsql/15/data",
    "FENCE_AGENT": "fence_ipmilan",
    "FENCE_OPTIONS": "ip=10.20.30.60 username=fence",
}
SCRIPTS = ("30-fencing", "50-paf", "60-haproxy", "70-constraints")


@pytest.fixture(scope="module")
def variables() -> dict[str, Any]:
    loaded = yaml.safe_load(EXAMPLE.read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_the_role_knows_the_variables(variables: dict[str, Any]) -> None:
    assert set(variables) == OF_THE_ROLE


def test_it_creates_what_the_scripts_create(variables: dict[str, Any], tmp_path: Path) -> None:
    """With the paths of EL. The password is a variable of Ansible's in the example."""
    done = pcs_calls.run(*SCRIPTS, place=tmp_path, environ=EL)
    assert done.code == 0, done.err
    made = from_ansible(variables)
    assert made.primitives["fence"].params.pop("password") == "{{ vault_fence_password }}"
    assert made == from_pcs(done.calls)


def values(tree: object) -> Iterator[object]:
    """Yields every 'value' in a structure."""
    if isinstance(tree, dict):
        yield from (each for name, each in tree.items() if name == "value")
        tree = list(tree.values())
    if isinstance(tree, list):
        for each in tree:
            yield from values(each)


def test_every_value_is_text(variables: dict[str, Any]) -> None:
    """YAML would make True of a plain true, and the role would pass that on."""
    found = list(values(variables))
    assert len(found) > 50
    assert [each for each in found if not isinstance(each, str)] == []
    token = variables["ha_cluster_totem"]["options"][0]["value"]
    setup = (ROOT / "pcs-scripts" / "20-cluster-setup.sh").read_text()
    assert re.findall(r"token=\$\(\((\d+) ", setup) == [token]


def test_a_lost_node_does_not_start_its_cluster(variables: dict[str, Any]) -> None:
    assert variables["ha_cluster_start_on_boot"] is False


def test_the_page_warns_of_a_second_run() -> None:
    assert "**Do not run the role again on a cluster that serves clients.**" in PAGE.read_text()
