"""Every check before a switchover: what refuses it, and what to type then."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from paf_haproxy.cli import readiness
from paf_haproxy.cli.readiness import FINE, NOTE, REFUSED, Check, Limits
from paf_haproxy.cli.situation import Situation
from paf_haproxy.cli.survey import Cluster

from tests.unit.cli_world import changed, well

CLONE = "pgsqld-clone"
QUIET = Situation(True, True, False, (), (), (), {"srv1": 1001, "srv2": 1000, "srv3": 990})
LINE = {"name": "srv2", "state": "streaming", "sync": "quorum", "flush": 0, "replay": 0}
PRIMARY = {
    "recovery": False,
    "timeline": 3,
    "segment": {"name": "0000000000000009", "used": 49},
    "standbys": [LINE],
    "transactions": [],
    "prepared": 0,
    "archive": {"mode": "on", "failing": False, "ready": 1},
    "slots": [],
}
OWN = {"recovery": True, "timeline": 3, "paused": False, "replay": 0}


def by_name(checks: Any) -> dict[str, Check]:
    return {check.name: check for check in checks}


def of_cluster(cluster: Cluster | None = None, **changes: Any) -> dict[str, Check]:
    found = dataclasses.replace(QUIET, **changes)
    return by_name(readiness.cluster_checks(cluster or well(), found, CLONE))


def of_candidate(
    found: Situation = QUIET,
    primary: dict[str, Any] | None = None,
    own: dict[str, Any] | None = None,
) -> dict[str, Check]:
    node = well().node("srv2")
    assert node
    facts, its = {**PRIMARY, **(primary or {})}, {**OWN, **(own or {})}
    return by_name(readiness.candidate_checks(node, found, facts, its, Limits()))


def of_primary(**changes: Any) -> dict[str, Check]:
    return by_name(readiness.primary_checks("srv1", {**PRIMARY, **changes}, Limits()))


def test_a_segment_that_was_never_used() -> None:
    assert of_candidate(own={"unused": ""})["segments"].outcome == FINE
    check = of_candidate(own={"unused": "000000000000000A"})["segments"]
    assert check.outcome == NOTE and "WAL is written first" in check.text


@pytest.mark.parametrize(
    ("used", "unused", "leave"),
    [
        (49, "", ""),
        (50, "", "0000000000000009"),
        (49, "000000000000000A", "000000000000000A"),
        (99, "000000000000000A", "000000000000000A"),
        (99, "0000000000000008", "0000000000000009"),
    ],
)
def test_the_segment_that_is_left_behind(used: int, unused: str, leave: str) -> None:
    primary = {**PRIMARY, "segment": {"name": "0000000000000009", "used": used}}
    assert readiness.segment_to_leave(primary, {**OWN, "unused": unused}) == leave


def test_a_primary_of_an_older_version_does_not_tell_its_segment() -> None:
    primary = {name: value for name, value in PRIMARY.items() if name != "segment"}
    assert readiness.segment_to_leave(primary, OWN) == ""
    assert readiness.segment_to_leave(primary, {**OWN, "unused": "0" * 16}) == "0" * 16


def test_a_cluster_that_is_well() -> None:
    checks = [*of_cluster().values(), *of_candidate().values(), *of_primary().values()]
    assert [check for check in checks if check.outcome != FINE] == []
    assert not readiness.refused(checks)


@pytest.mark.parametrize(
    ("name", "changes", "text", "do"),
    [
        ("quorum", {"quorum": False}, "no quorum", "pcs status"),
        ("transition", {"idle": False}, "Pacemaker is at work", "crm_mon"),
        ("managed", {"maintenance": True}, "in maintenance mode", "maintenance-mode=false"),
        (
            "managed",
            {"unmanaged": ("pgsqld",)},
            "pgsqld is unmanaged",
            "pcs resource manage pgsqld",
        ),
        (
            "constraints",
            {"constraints": (("cli-prefer-pgsqld-clone", CLONE),)},
            "has left cli-prefer-pgsqld-clone",
            "crm_resource --clear --resource pgsqld-clone",
        ),
    ],
)
def test_the_cluster_refuses(name: str, changes: dict[str, Any], text: str, do: str) -> None:
    check = of_cluster(**changes)[name]
    assert (check.outcome, text in check.text, do in check.do) == (REFUSED, True, True), check


def test_components_that_disagree() -> None:
    check = of_cluster(changed("srv3", view=None))["components"]
    assert (check.outcome, check.do) == (REFUSED, "paf-haproxy status")
    assert "srv3: HAProxy does not answer" in check.text


def test_failures_on_record_are_cleaned_up() -> None:
    check = of_cluster(failed=("srv2",))["failures"]
    assert (check.outcome, check.do) == (NOTE, "crm_resource --cleanup --resource pgsqld-clone")


@pytest.mark.parametrize(
    ("name", "primary", "own", "text"),
    [
        ("streaming", {"standbys": []}, {}, "srv2 does not stream"),
        ("streaming", {"standbys": [{**LINE, "state": "catchup"}]}, {}, "srv2 does not stream"),
        ("timeline", {}, {"timeline": 2}, "srv2 is on timeline 2, the primary on 3"),
        ("lag", {"standbys": [{**LINE, "flush": 17 << 20}]}, {}, "srv2 is 17 MB behind"),
        ("lag", {}, {"replay": 40 << 20}, "srv2 replays 40 MB behind, more than 16 MB"),
        ("replay", {}, {"paused": True}, "replay is paused on srv2"),
    ],
)
def test_the_candidate_refuses(
    name: str, primary: dict[str, Any], own: dict[str, Any], text: str
) -> None:
    check = of_candidate(primary=primary, own=own)[name]
    assert check.outcome == REFUSED
    assert text in check.text
    assert check.do


@pytest.mark.parametrize("scores", [{}, {"srv2": -1}])
def test_paf_has_no_score(scores: dict[str, int]) -> None:
    check = of_candidate(dataclasses.replace(QUIET, scores=scores))["score"]
    assert (check.outcome, check.text) == (REFUSED, "PAF does not let srv2 be promoted")


def test_old_transactions() -> None:
    transactions = [{"pid": pid, "user": "app", "seconds": age} for pid, age in ((7, 90), (8, 2))]
    check = of_primary(transactions=transactions)["transactions"]
    assert (check.outcome, check.text) == (REFUSED, "pid 7 of app: 90 s")
    assert check.do == "wait, or on srv1: SELECT pg_terminate_backend(7)"


def test_prepared_transactions() -> None:
    check = of_primary(prepared=2)["prepared"]
    assert (check.outcome, "2 prepared" in check.text) == (REFUSED, True)


@pytest.mark.parametrize(
    ("archive", "outcome"),
    [
        ({"mode": "on", "failing": True, "ready": 1}, REFUSED),
        ({"mode": "on", "failing": None, "ready": 9}, REFUSED),
        ({"mode": "on", "failing": None, "ready": 8}, FINE),
        ({"mode": "off", "failing": True, "ready": 90}, FINE),
    ],
)
def test_the_archiver(archive: dict[str, Any], outcome: str) -> None:
    assert of_primary(archive=archive)["archiver"].outcome == outcome


def test_slots_are_worth_a_note() -> None:
    assert of_primary(slots=["barman"])["slots"].outcome == NOTE


def test_the_best_candidate() -> None:
    assert readiness.best(well(), QUIET) == "srv2"
    assert readiness.best(changed("srv2", online=False), QUIET) == "srv3"
    assert readiness.best(well(), dataclasses.replace(QUIET, scores={"srv1": 1001})) == ""
    same = dataclasses.replace(QUIET, scores={"srv3": 1000, "srv2": 1000})
    assert readiness.best(well(), same) == "srv2"
