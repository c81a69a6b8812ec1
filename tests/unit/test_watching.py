"""The full-screen view of `paf-haproxy status --watch`, and the changes in it."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest
from paf_haproxy.cli import findings
from paf_haproxy.cli.changes import NONE, Change, History
from paf_haproxy.cli.screen import Watched, screen
from paf_haproxy.cli.survey import Cluster, Server
from rich.console import Console
from rich.screen import Screen

from tests.unit.cli_world import changed, servers, view, well, with_server

OPENED = 1_800_000_000.0
REJECTED = "parameter hold_timeout: 'bogus': expected a time from 0ms to 600000ms, such as 50ms"
DRAINED = with_server(Server("prod", "srv1", "DRAIN"))


def switched() -> Cluster:
    """The cluster after a switchover to srv2, seen by every HAProxy."""
    nodes = []
    for node in well().nodes:
        leads = node.name == "srv2"
        role = "production" if leads else "standby"
        sync = {"srv1": "quorum", "srv3": "quorum"} if leads else {}
        seen = dataclasses.replace(
            view(role, timeline=4, sync=sync), servers=servers("srv2"), seconds=2
        )
        postgres = "Promoted" if leads else "Unpromoted"
        nodes.append(dataclasses.replace(node, postgres=postgres, view=seen))
    return Cluster(tuple(nodes))


def watched(*clusters: Cluster) -> Watched:
    """The view after these surveys, one a second."""
    last = clusters[-1]
    at = OPENED + len(clusters) - 1
    found = Watched("srv2", 2.0, OPENED, last, findings.findings(last), at)
    for second, cluster in enumerate(clusters):
        found.history.take(OPENED + second, cluster)
    return found


def lines(what: Watched, width: int = 80, height: int = 24) -> list[str]:
    """Returns the screen as it is drawn."""
    console = Console(
        record=True, width=width, height=height, file=io.StringIO(), force_terminal=True
    )
    console.print(Screen(screen(console, what)))
    return [line.rstrip() for line in console.export_text().splitlines()]


def changes(*clusters: Cluster) -> list[Change]:
    return list(watched(*clusters).history.changes)


def test_all_is_well() -> None:
    shown = lines(watched(well()))
    assert shown[0].startswith("srv2: standby  primary: srv1")
    assert shown[0].endswith("every 2 s  q: quit")
    assert "srv1  Promoted    production  for 2 h  3   -        -" in shown
    agree = "srv1 srv2 srv3  srv1 UP  srv2 MAINT  srv3 MAINT  srv1 MAINT  srv2 UP  srv3 UP"
    assert agree in shown
    assert "Pacemaker, PostgreSQL and every HAProxy agree." in shown
    assert re.fullmatch(r"Changes since \d\d:\d\d:\d\d: none", [each for each in shown if each][-1])


def test_a_switchover() -> None:
    shown = lines(watched(well(), switched()))
    below = shown[next(n for n, line in enumerate(shown) if line.startswith("Changes since")) + 1 :]
    words = [re.split(r"\s{2,}", line) for line in below if line]
    assert [each[-2:] for each in words if "srv1 srv2 srv3" in each] == [
        ["timeline", "3 → 4"],
        ["server prod/srv1", "UP → MAINT"],
        ["server stdby/srv1", "MAINT → UP"],
        ["server prod/srv2", "MAINT → UP"],
        ["server stdby/srv2", "UP → MAINT"],
    ]
    assert words[0][1:] == ["primary in Pacemaker", "srv1 → srv2"], "of no node"
    assert any(each[1:] == ["srv1", "PostgreSQL", "production → standby"] for each in words)


@pytest.mark.parametrize(
    ("cluster", "change"),
    [
        (changed("srv3", online=False), Change(0, ("srv3",), "node", "online", "offline")),
        (changed("srv3", standby=True), Change(0, ("srv3",), "node", "online", "standby")),
        (changed("srv3", drained=True), Change(0, ("srv3",), "drained by a person", "no", "yes")),
        (changed("srv3", view=None), Change(0, ("srv3",), "HAProxy", "answers", "no answer")),
        (
            changed("srv3", of_view={"rejected": REJECTED}),
            Change(0, ("srv3",), "parameters rejected", NONE, REJECTED),
        ),
        (
            changed("srv3", of_view={"servers": DRAINED}),
            Change(0, ("srv3",), "server prod/srv1", "UP", "DRAIN"),
        ),
        (
            changed("srv1", of_view={"sync": {"srv2": "quorum"}}),
            Change(0, ("srv3",), "replication", "quorum", NONE),
        ),
    ],
)
def test_one_change(cluster: Cluster, change: Change) -> None:
    assert changes(well(), cluster) == [dataclasses.replace(change, at=OPENED + 1)]
    back = dataclasses.replace(change, at=OPENED + 2, old=change.new, new=change.old)
    assert changes(well(), cluster, well())[0] == back, "the newest is the first"


def test_a_node_that_was_silent_is_compared_with_what_it_said_before() -> None:
    silent = changed("srv3", view=None)
    later = changed("srv3", of_view={"timeline": 4})
    assert [(each.what, each.new) for each in changes(well(), silent, later)] == [
        ("HAProxy", "answers"),
        ("timeline", "4"),
        ("HAProxy", "no answer"),
    ]


def test_the_first_survey_is_no_change_and_the_history_ends() -> None:
    history = History()
    history.take(OPENED, well())
    assert not history.changes
    for second in range(1000):
        history.take(OPENED + second, (switched(), well())[second % 2])
    assert len(history.changes) == history.changes.maxlen


def many() -> Watched:
    """More findings and changes than there is room for."""
    nodes = tuple(
        dataclasses.replace(
            node, maintenance=True, pooler="PgBouncer on /run/postgresql: Connection refused",
            view=dataclasses.replace(view("down", rejected=REJECTED), servers=servers("srv3")),
        )
        for node in well().nodes
    )  # fmt: skip
    return watched(well(), Cluster(nodes), well(), Cluster(nodes))


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (132, 50)])
@pytest.mark.parametrize(
    "what",
    [watched(well()), watched(well(), switched()), many()],
    ids=["well", "switchover", "many"],
)
def test_it_fits(what: Watched, size: tuple[int, int]) -> None:
    width, height = size
    shown = lines(what, width, height)
    text = "\n".join(shown)
    assert len(shown) <= height and max(map(len, shown)) <= width
    assert "…" not in text and "Changes since" in text
    if what.history.changes:
        assert " → " in text, "some changes are always shown"


def test_findings_that_have_no_room_are_counted() -> None:
    what = many()
    shown = lines(what)
    (more,) = [line for line in shown if line.endswith("more: paf-haproxy status")]
    found = [line for line in shown if line.startswith(("warning: ", "critical: "))]
    assert len(found) + int(more.split()[1]) == len(what.findings)
    assert found[0].startswith("critical: "), "the worst first"


def test_pacemaker_does_not_answer() -> None:
    what = dataclasses.replace(watched(well()), trouble="crm_mon: Connection refused")
    text = "\n".join(lines(what))
    assert "crm_mon: Connection refused; all above is of " in text
    assert "agree" not in text
