"""`paf-haproxy`: what it makes of what it is told, and its words."""

from __future__ import annotations

import dataclasses
import json

import pytest
from paf_haproxy.cli import findings, show
from paf_haproxy.cli.findings import CRITICAL, OK, WARNING, Finding
from paf_haproxy.cli.survey import Cluster, Node, Server

from tests.unit.cli_world import NAMES, changed, servers, view, well, with_server


def test_all_is_well() -> None:
    assert findings.findings(well()) == []
    assert findings.grade([]) == OK
    text = show.screen(well(), [])
    assert "Pacemaker, PostgreSQL and every HAProxy agree." in text
    lines = text.splitlines()
    assert lines[1].split() == "srv1 Promoted production for 2 h 3 - - srv1 srv2 srv3".split()
    assert (
        lines[2].split()
        == "srv2 Unpromoted standby for 2 h 3 0 bytes quorum srv1 srv2 srv3".split()
    )


@pytest.mark.parametrize(
    ("cluster", "grade", "text"),
    [
        (changed("srv2", view=None), WARNING, "srv2: HAProxy does not answer"),
        (
            changed("srv2", view=None, failure="start: parameter haproxy: there is no program /x"),
            WARNING,
            "srv2: HAProxy does not answer; its last failure in Pacemaker: start: parameter"
            " haproxy: there is no program /x",
        ),
        (
            changed("srv2", unresolved="db2.invalid"),
            WARNING,
            "srv2: host db2.invalid does not resolve on this node: correct DNS, /etc/hosts or"
            " parameter nodes",
        ),
        (
            changed("srv2", pooler="PgBouncer on /run: Connection refused"),
            WARNING,
            "srv2: PgBouncer on /run: Connection refused: systemctl status pgbouncer; without it"
            " sessions end in a switchover",
        ),
        (
            changed("srv3", online=False, view=None, postgres=""),
            WARNING,
            "srv3: the node is not in the cluster",
        ),
        (changed("srv3", maintenance=True), WARNING, "srv3: the node is in maintenance"),
        (
            changed("srv1", of_view={"role": "standby", "seconds": 12}),
            CRITICAL,
            "srv1: PostgreSQL is standby for 12 s, Pacemaker has it promoted",
        ),
        (
            changed("srv2", of_view={"role": "production", "seconds": 3}),
            CRITICAL,
            "srv2: PostgreSQL is production for 3 s, Pacemaker has it unpromoted",
        ),
        (
            changed("srv2", of_view={"role": "down"}),
            WARNING,
            "srv2: PostgreSQL is down for 2 h, Pacemaker has it unpromoted",
        ),
        (
            changed("srv1", of_view={"sync": {"srv2": "quorum"}}),
            WARNING,
            "srv3: does not stream from srv1",
        ),
        (
            changed("srv2", of_view={"servers": servers("srv3")}),
            CRITICAL,
            "srv2: HAProxy leads prod to srv3 for 100 s",
        ),
        (
            changed("srv2", of_view={"servers": servers(None), "held": 4}),
            CRITICAL,
            "srv2: HAProxy has no primary for prod for 0 s; 4 connections wait",
        ),
        (
            changed(
                "srv1", of_view={"servers": with_server(Server("stdby", "srv3", "DOWN", seconds=9))}
            ),
            WARNING,
            "srv1: HAProxy does not lead stdby to srv3: DOWN for 9 s",
        ),
        (changed("srv1", of_view={"sync": None}), OK, "srv3: whether it streams cannot be seen"),
        (
            changed("srv1", of_view={"unknown": "42501: no; to mend it: GRANT CONNECT"}),
            WARNING,
            "srv1: PostgreSQL does not tell its role: 42501: no; to mend it: GRANT CONNECT",
        ),
        (
            changed("srv2", of_view={"role": "unknown", "unknown": "28000: no; to mend it: x"}),
            WARNING,
            "srv2: PostgreSQL does not tell its role: 28000",
        ),
        (
            changed("srv2", of_view={"rejected": "parameter hold_timeout: 'bogus': expected"}),
            WARNING,
            "srv2: parameter hold_timeout: 'bogus': expected; HAProxy keeps the last valid",
        ),
        (
            changed("srv2", of_view={"silent": ("srv1",)}),
            WARNING,
            "srv2: HAProxy on srv1 does not answer the one here",
        ),
        (changed("srv3", drained=True), OK, "srv3: drained by a person"),
        (
            changed("srv3", of_view={"lagging": True, "lag": 200 << 20}),
            WARNING,
            "srv3: lags 200 MB, past max_lag",
        ),
        (changed("srv1", postgres="Unpromoted"), CRITICAL, "Pacemaker has promoted no PostgreSQL"),
        (
            changed("srv2", postgres="Promoted"),
            CRITICAL,
            "Pacemaker has promoted several: srv1 srv2",
        ),
    ],
)
def test_findings(cluster: Cluster, grade: int, text: str) -> None:
    found = findings.findings(cluster)
    assert any(each.grade == grade and each.text.startswith(text) for each in found), found
    assert findings.grade(found) == max(grade, *(each.grade for each in found))
    assert [each.grade for each in found] == sorted((each.grade for each in found), reverse=True)
    assert text in show.screen(cluster, found)
    told = json.loads(show.document(cluster, found))
    assert [each["text"] for each in told["findings"]] == [each.text for each in found]
    assert [node["name"] for node in told["nodes"]] == list(NAMES)


def test_a_standby_that_has_just_come_back_is_no_alarm() -> None:
    down = with_server(Server("stdby", "srv3", "DOWN (agent)"))
    cluster = changed("srv1", of_view={"servers": down})
    assert findings.grade(findings.findings(cluster)) == WARNING
    back = dataclasses.replace(cluster.nodes[2], view=view("standby", probation=True))
    nodes = (*cluster.nodes[:2], back)
    assert findings.findings(dataclasses.replace(cluster, nodes=nodes)) == []


@pytest.mark.parametrize(
    ("server", "fields", "words"),
    [
        (Server("prod", "srv1", "UP"), {}, "is in prod on srv2 for 0 s: Pacemaker has promoted it"),
        (
            Server("prod", "srv2", "MAINT"),
            {},
            "is not in prod on srv2 for 0 s: Pacemaker has promoted srv1",
        ),
        (Server("prod", "srv1", "DRAIN"), {}, "it is about to be demoted"),
        (
            Server("stdby", "srv3", "UP", seconds=300),
            {},
            "is in stdby on srv2 for 5 min: its PostgreSQL",
        ),
        (Server("stdby", "srv1", "MAINT"), {}, "it is the primary"),
        (Server("stdby", "srv3", "DRAIN"), {"drained": True}, "`paf-haproxy undrain srv3`"),
        (
            Server("stdby", "srv3", "DRAIN"),
            {"view": view("standby", lag=20 << 20, lagging=True)},
            "it lags 20 MB, more than max_lag",
        ),
        (Server("stdby", "srv3", "DRAIN"), {}, "its role is about to change"),
        (
            Server("prod", "srv1", "UP", "L7OK"),
            {"view": view("production", unknown="42501: no; to mend it: GRANT CONNECT")},
            "its PostgreSQL does not tell its role: 42501: no; to mend it: GRANT CONNECT",
        ),
        (
            Server("stdby", "srv3", "DOWN", "L4TOUT", "L7OK"),
            {},
            "its PostgreSQL cannot be reached (L4TOUT)",
        ),
        (
            Server("prod", "srv1", "DOWN", "* L7TOUT", "L7OK"),
            {},
            "its PostgreSQL accepts connections and does not answer (L7TOUT)",
        ),
        (
            Server("stdby", "srv3", "DOWN (agent)", "L7OK", "L7STS"),
            {"view": view("standby", probation=True)},
            "it has only just come back: readers are led to the others for a moment",
        ),
        (
            Server("stdby", "srv3", "DOWN (agent)", "L7OK", "L7STS"),
            {"view": view("down")},
            "its PostgreSQL is not a standby: it says down",
        ),
    ],
)
def test_explain(server: Server, fields: dict[str, object], words: str) -> None:
    cluster = changed(server.node, **fields)  # type: ignore[arg-type]
    node = cluster.node(server.node)
    asked = dataclasses.replace(view("standby"), servers=with_server(server))
    assert node
    assert words in findings.explain(cluster, node, server.pool, asked, "srv2")


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (Server("stdby", "srv3", "DOWN", "L7OK"), "its HAProxy, which says its role, cannot be"),
        (Server("stdby", "srv3", "DOWN", "L4CON"), "its PostgreSQL cannot be reached (L4CON)"),
        (Server("stdby", "srv3", "UP"), "its HAProxy does not answer, its PostgreSQL does"),
        (Server("prod", "srv3", "UP"), "its PostgreSQL has not been restarted since"),
    ],
)
def test_explain_a_node_whose_haproxy_is_silent(server: Server, words: str) -> None:
    cluster = changed("srv3", view=None)
    node = cluster.node("srv3")
    asked = dataclasses.replace(view("standby"), silent=("srv3",), servers=with_server(server))
    assert node
    assert words in findings.explain(cluster, node, server.pool, asked, "srv2")


def test_explain_a_node_that_haproxy_does_not_know() -> None:
    text = findings.explain(well(), Node("srv9"), "prod", view("standby"), "srv2")
    assert text == "prod: HAProxy on srv2 knows no server srv9: it is no backend"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_since(seconds: int, words: str) -> None:
    assert findings.since(seconds) == f"for {words}"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (None, "unknown"),
        (0, "0 bytes"),
        (10239, "10239 bytes"),
        (10240, "10 kB"),
        (50 << 20, "50 MB"),
    ],
)
def test_size(number: int | None, words: str) -> None:
    assert findings.size(number) == words


def test_findings_have_an_order() -> None:
    cluster = changed("srv2", of_view={"servers": servers(None)}, drained=True)
    grades = [each.grade for each in findings.findings(cluster)]
    assert grades[0] == CRITICAL and grades[-1] == OK
    assert findings.grade([Finding(WARNING, ""), Finding(OK, "")]) == WARNING
