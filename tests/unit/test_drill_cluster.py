"""Reading Pacemaker's XML, and the one-line reason why a cluster is not whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paf_lab.drill.cluster import (
    Clone,
    Snapshot,
    parse_interval,
    parse_moves,
    parse_status,
    seconds,
    unhealthy,
)
from tests.unit.drill_world import states

STATUS = (Path(__file__).parent / "data" / "crm_mon.xml").read_text()
NODES = ("srv1", "srv2", "srv3")
PGSQL, HAPROXY = "pgsqld-clone", "haproxy-clone"

HEALTHY = Snapshot(
    parse_status(STATUS),
    True,
    (),
    {"srv1": "primary", "srv2": "standby", "srv3": "standby"},
    {name: states("srv1") for name in NODES},
    {"srv2": "quorum", "srv3": "quorum"},
)


def judge(now: Snapshot, primary: str | None = None) -> str:
    return unhealthy(now, NODES, PGSQL, HAPROXY, primary)


def test_status_of_a_real_cluster() -> None:
    status = parse_status(STATUS)
    assert status.online == set(NODES)
    assert status.dc == "srv3"
    assert status.clones[PGSQL] == Clone(frozenset(NODES), frozenset({"srv1"}))
    assert status.promoted(HAPROXY) == "srv1"
    assert status.promoted("other-clone") is None
    assert status.failures == ()


def test_roles_before_pacemaker_2_1() -> None:
    old = STATUS.replace('role="Promoted"', 'role="Master"')
    assert parse_status(old).promoted(PGSQL) == "srv1"


def test_two_promoted_are_none() -> None:
    both = STATUS.replace('role="Unpromoted"', 'role="Promoted"')
    assert parse_status(both).promoted(PGSQL) is None


def test_a_healthy_cluster() -> None:
    assert judge(HEALTHY) == ""
    assert judge(HEALTHY, "srv1") == ""


def status(**change: Any) -> Snapshot:
    return replace(HEALTHY, status=replace(HEALTHY.status, **change))


def clones(clone: str, changed: Clone) -> Snapshot:
    return status(clones={**HEALTHY.status.clones, clone: changed})


EVERYWHERE = frozenset(NODES)


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (status(online=frozenset({"srv1", "srv3"})), "srv2 not online"),
        (clones(PGSQL, Clone(EVERYWHERE)), "pgsqld-clone is promoted nowhere"),
        (
            clones(PGSQL, Clone(frozenset({"srv1", "srv2"}), frozenset({"srv1"}))),
            "pgsqld-clone does not run on srv3",
        ),
        (clones(HAPROXY, Clone(EVERYWHERE)), "haproxy-clone is promoted on no node, not srv1"),
        (
            clones(HAPROXY, Clone(EVERYWHERE, frozenset({"srv2"}))),
            "haproxy-clone is promoted on srv2, not srv1",
        ),
        (status(failures=("haproxy_monitor_4000 on srv1: not running",)), "failed action haproxy_"),
        (replace(HEALTHY, moves=("cli-prefer-pgsqld-clone",)), "cli-prefer-pgsqld-clone is left"),
        (
            replace(HEALTHY, roles={**HEALTHY.roles, "srv3": "down"}),
            "PostgreSQL on srv3 is down, not standby",
        ),
        (
            replace(HEALTHY, roles={**HEALTHY.roles, "srv2": "primary"}),
            "PostgreSQL on srv2 is primary, not standby",
        ),
        (replace(HEALTHY, streaming={"srv2": "quorum"}), "srv3 not streaming from srv1"),
        (
            replace(HEALTHY, servers={**HEALTHY.servers, "srv2": None}),
            "HAProxy on srv2 does not answer",
        ),
        (
            replace(HEALTHY, servers={**HEALTHY.servers, "srv2": states("srv3")}),
            "HAProxy on srv2 has prod/srv1 maint down",
        ),
        (
            replace(
                HEALTHY,
                servers={**HEALTHY.servers, "srv2": states("srv1") | {"prod/srv3": "ready down"}},
            ),
            "HAProxy on srv2 has prod/srv3 ready",
        ),
        (replace(HEALTHY, idle=False), "Pacemaker is not idle"),
    ],
)
def test_what_is_lacking_is_said(now: Snapshot, why: str) -> None:
    assert why in judge(now)


def test_the_wrong_primary_is_said() -> None:
    assert judge(HEALTHY, "srv2") == "pgsqld-clone is promoted on srv1, not srv2"


def test_a_node_on_standby_is_not_online() -> None:
    away = STATUS.replace('name="srv2" id="2" online="true" standby="false"',
                          'name="srv2" id="2" online="true" standby="true"')  # fmt: skip
    assert away != STATUS
    assert parse_status(away).online == {"srv1", "srv3"}


def test_failures() -> None:
    failure = (
        '<failures><failure op_key="haproxy_monitor_4000" node="srv1" exitstatus="not running"'
        ' exitreason="it is gone" exitcode="7"/></failures></pacemaker-result>'
    )
    text = STATUS.replace("</pacemaker-result>", failure)
    assert parse_status(text).failures == ("haproxy_monitor_4000 on srv1: not running it is gone",)


def test_what_moves_leave() -> None:
    text = (
        '<constraints><rsc_location id="cli-ban-haproxy-clone-on-srv1" rsc="haproxy-clone"/>'
        '<rsc_location id="mine" rsc="x"/><rsc_colocation id="cli-none"/></constraints>'
    )
    assert parse_moves(text) == ("cli-ban-haproxy-clone-on-srv1",)


def test_monitor_interval() -> None:
    text = (
        '<primitive id="haproxy"><operations><op name="start" interval="0s"/>'
        '<op name="monitor" interval="4s" role="Promoted"/>'
        '<op name="monitor" interval="5s" role="Unpromoted"/></operations></primitive>'
    )
    assert parse_interval(text, "Promoted") == 4
    assert parse_interval(text.replace('"Unpromoted"', '"Slave"'), "Unpromoted") == 5
    assert parse_interval("<primitive/>", "Promoted") is None


@pytest.mark.parametrize(
    ("text", "value"), [("4s", 4), ("4", 4), ("500ms", 0.5), ("1min", 60), ("2m", 120)]
)
def test_seconds(text: str, value: float) -> None:
    assert seconds(text) == value


def test_a_quorum_is_told() -> None:
    assert parse_status(STATUS).quorum
    assert not parse_status(STATUS.replace('with_quorum="true"', 'with_quorum="false"')).quorum
    assert not parse_status(STATUS.replace("current_dc", "former_dc")).quorum
