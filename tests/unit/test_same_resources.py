"""pcs-scripts/cluster.crm creates what the numbered scripts create."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from paf_haproxy.metadata import ACTIONS

from tests.tools import ROOT, pcs_calls
from tests.tools.resources import Resources, from_crm, from_pcs

SCRIPTS = ("30-fencing", "50-paf", "60-haproxy", "70-constraints")
FENCING = {"FENCE_AGENT": "FENCE_AGENT"}
CRM = (ROOT / "pcs-scripts" / "cluster.crm").read_text()


def by_pcs(place: Path, environ: Mapping[str, str], *present: str) -> Resources:
    done = pcs_calls.run(*SCRIPTS, place=place, environ=environ, present=present)
    assert done.code == 0, done.err
    return from_pcs(done.calls)


def test_crmsh_creates_the_same(tmp_path: Path) -> None:
    assert from_crm(CRM) == by_pcs(tmp_path, FENCING)


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("pgport=5434", "pgport=5432"),
        (" notify=true interleave=true", " notify=true"),
        ("migration-threshold=INFINITY", ""),
        ("resource-stickiness=100", ""),
        ("op notify timeout=10s", "op notify timeout=20s"),
        ("monitor interval=4s timeout=20s role=Promoted", "monitor interval=4s timeout=20s"),
        ('influence="false"', 'influence="true"'),
        ("haproxy-clone:promote symmetrical=false", "haproxy-clone:promote"),
        ("Optional: pgsqld-clone:demote", "Mandatory: pgsqld-clone:demote"),
        ('load-threshold="0%"', ""),
    ],
)
def test_a_difference_is_found(there: str, instead: str, tmp_path: Path) -> None:
    assert CRM.count(there) == 1
    assert from_crm(CRM.replace(there, instead)) != by_pcs(tmp_path, FENCING)


def test_with_pgbouncer_the_two_demotes_are_turned_round(tmp_path: Path) -> None:
    """As the comment in cluster.crm says."""
    pooler = "//primitive[@id='haproxy']/instance_attributes/nvpair[@name='pooler'][@value!='']"
    demotes = "pgsqld-clone:demote haproxy-clone:demote"
    turned = CRM.replace(demotes, " ".join(reversed(demotes.split())))
    assert from_crm(turned) == by_pcs(tmp_path, FENCING, pooler)


def test_every_operation_is_one_of_the_agent(tmp_path: Path) -> None:
    """With at least the timeout that the metadata asks for."""
    asked = {name: timeout for name, timeout, *_ in ACTIONS}
    operations = by_pcs(tmp_path, FENCING).primitives["haproxy"].operations
    assert len(operations) == 9
    for name, _, _, timeout in operations:
        assert int(timeout) >= int(str(asked[name]).removesuffix("s")), name
