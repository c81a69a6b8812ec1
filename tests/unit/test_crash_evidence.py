"""When a crash of PostgreSQL may be reported to Pacemaker: what crm_mon and PAF's monitor say."""

from __future__ import annotations

from pathlib import Path

import pytest
from paf_haproxy.crash_evidence import is_crash, running
from paf_haproxy.ocf import AgentError

STATUS = (Path(__file__).parent / "data" / "crm_mon-a-node-down.xml").read_text()
"""Of Pacemaker 2.1.5: srv1 the primary, srv3 a standby, srv2 without power."""
PRIMARY = (
    '<resource id="pgsqld" resource_agent="ocf:heartbeat:pgsqlms" role="Promoted" active="true"'
)
NODE = '<node name="srv1" id="1" online="true" standby="false"'


@pytest.mark.parametrize("node", ["srv1", "srv3"])
def test_an_instance_that_runs_for_pacemaker(node: str) -> None:
    found = running(STATUS, "pgsqld-clone", node)
    assert (found.resource, found.dc) == ("pgsqld", "srv1")


def test_a_dc_without_a_name() -> None:
    text = STATUS.replace('a3f44794f94" name="srv1" id="1" with_quorum', 'a3f44794f94" with_quorum')
    assert text != STATUS
    assert running(text, "pgsqld-clone", "srv1").dc == ""


def test_a_unique_instance_has_a_number() -> None:
    text = STATUS.replace('<resource id="pgsqld"', '<resource id="pgsqld:0"')
    assert running(text, "pgsqld-clone", "srv1").resource == "pgsqld"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('with_quorum="true"', 'with_quorum="false"', "no quorum"),
        ('<current_dc present="true"', '<no_dc present="false"', "no quorum"),
        ('maintenance-mode="false"', 'maintenance-mode="true"', "maintenance-mode=true"),
        ('stop-all-resources="false"', 'stop-all-resources="true"', "stop-all-resources=true"),
        (NODE, NODE.replace('standby="false"', 'standby="true"'), "standby=true"),
        (NODE, NODE.replace('online="true"', 'online="false"'), "online=false"),
        (f'{NODE} standby_onfail="false"', f'{NODE} standby_onfail="true"', "standby_onfail"),
        (
            f'{NODE} standby_onfail="false" maintenance="false"',
            f'{NODE} standby_onfail="false" maintenance="true"',
            "maintenance=true",
        ),
        ('shutdown="false" expected_up="true" is_dc="true"', 'shutdown="true"', "shutdown=true"),
        (f'{PRIMARY} orphaned="false" blocked="false" managed="true"',
         f'{PRIMARY} orphaned="false" blocked="false" managed="false"', "managed=false"),
        (f'{PRIMARY} orphaned="false" blocked="false"',
         f'{PRIMARY} orphaned="false" blocked="true"', "blocked=true"),
        (f'{PRIMARY} orphaned="false" blocked="false" managed="true" failed="false"',
         f'{PRIMARY} orphaned="false" blocked="false" managed="true" failed="true"', "failed=true"),
        (PRIMARY, f'{PRIMARY} pending="Demoting"', "about to change it: Demoting"),
        (PRIMARY, PRIMARY.replace('active="true"', 'active="false"'), "active=false"),
        ("pgsqld-clone", "other-clone", "no instance of pgsqld-clone on record"),
        (STATUS, "Could not connect to the CIB", "is not XML"),
    ],
)  # fmt: skip
def test_what_forbids_a_report(old: str, new: str, reason: str) -> None:
    assert old in STATUS
    with pytest.raises(AgentError, match=reason):
        running(STATUS.replace(old, new), "pgsqld-clone", "srv1")


def test_a_node_where_it_does_not_run() -> None:
    with pytest.raises(AgentError, match="online=false"):
        running(STATUS, "pgsqld-clone", "srv2")


@pytest.mark.parametrize(
    ("code", "crash"),
    [("9", True), ("1", True), ("8", False), ("0", False), ("7", False), ("2", False)],
)
def test_what_paf_says(code: str, crash: bool) -> None:
    answer = (
        f'<pacemaker-result><a><agent-status code="{code}" message="x"/></a></pacemaker-result>'
    )
    assert is_crash(answer) is crash


def test_paf_that_was_not_asked() -> None:
    """crm_resource itself failed, and its code means something else."""
    assert not is_crash('<pacemaker-result><status code="1" message="Error"/></pacemaker-result>')
