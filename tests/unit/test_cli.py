"""`paf-haproxy`: what it makes of what it is told, and its words."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from paf_haproxy.cli import drain, judge, main, replay, show, survey
from paf_haproxy.cli.judge import CRITICAL, OK, WARNING, Finding
from paf_haproxy.cli.survey import Cluster, Node, Server, View
from paf_haproxy.cluster import ClusterView
from paf_haproxy.ocf import AgentError

from tests.tools import ROOT

NAMES = ("srv1", "srv2", "srv3")
CRM_MON = (Path(__file__).parent / "data" / "crm_mon.xml").read_text()


def servers(primary: str | None = "srv1") -> tuple[Server, ...]:
    """All servers of one HAProxy, in good order."""
    found = []
    for name in NAMES:
        leads = name == primary
        found.append(Server("prod", name, "UP" if leads else "MAINT", "L7OK", "L7OK", 100))
        found.append(Server("stdby", name, "MAINT" if leads else "UP", "L7OK", "L7OK", 100))
    return tuple(found)


def view(role: str, **more: object) -> View:
    sync = {"srv2": "quorum", "srv3": "quorum"} if role == "production" else {}
    fields: dict[str, object] = {"timeline": 3, "lag": None if sync else 0, "sync": sync}
    return View(role, 7200, servers(), **(fields | more))  # type: ignore[arg-type]


def well() -> Cluster:
    first = Node("srv1", True, False, False, "Promoted", "Promoted", False, view("production"))
    others = (
        Node(name, True, False, False, "Unpromoted", "Unpromoted", False, view("standby"))
        for name in NAMES[1:]
    )
    return Cluster((first, *others))


def changed(name: str, *, of_view: dict[str, object] | None = None, **fields: object) -> Cluster:
    """The cluster that is well, but for one node."""
    nodes = []
    for node in well().nodes:
        if node.name == name:
            if of_view is not None and node.view:
                fields["view"] = dataclasses.replace(node.view, **of_view)  # type: ignore[arg-type]
            node = dataclasses.replace(node, **fields)  # type: ignore[arg-type]
        nodes.append(node)
    return Cluster(tuple(nodes))


def with_server(server: Server) -> tuple[Server, ...]:
    """The servers in good order, but for one."""
    return tuple(
        server if (each.pool, each.node) == (server.pool, server.node) else each
        for each in servers()
    )


def test_all_is_well() -> None:
    assert judge.findings(well()) == []
    assert judge.grade([]) == OK
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
    found = judge.findings(cluster)
    assert any(each.grade == grade and each.text.startswith(text) for each in found), found
    assert judge.grade(found) == max(grade, *(each.grade for each in found))
    assert [each.grade for each in found] == sorted((each.grade for each in found), reverse=True)
    assert text in show.screen(cluster, found)
    told = json.loads(show.document(cluster, found))
    assert [each["text"] for each in told["findings"]] == [each.text for each in found]
    assert [node["name"] for node in told["nodes"]] == list(NAMES)


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
            Server("stdby", "srv3", "DOWN", "L7OK", "* L4CON"),
            {},
            "its HAProxy, which says its role, cannot be reached (L4CON)",
        ),
        (
            Server("stdby", "srv3", "DOWN", "L4TOUT", "L7OK"),
            {},
            "its PostgreSQL cannot be reached (L4TOUT)",
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
    assert words in judge.explain(cluster, node, server.pool, asked, "srv2")


def test_explain_a_node_that_haproxy_does_not_know() -> None:
    text = judge.explain(well(), Node("srv9"), "prod", view("standby"), "srv2")
    assert text == "prod: HAProxy on srv2 knows no server srv9: it is no backend"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_since(seconds: int, words: str) -> None:
    assert judge.since(seconds) == f"for {words}"


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
    assert judge.size(number) == words


def test_what_pacemaker_says_of_the_nodes() -> None:
    found = survey.members(CRM_MON, "pgsqld-clone", "haproxy")
    assert sorted(found) == list(NAMES)
    assert found["srv1"] == {
        "online": True,
        "standby": False,
        "maintenance": False,
        "postgres": "Promoted",
        "haproxy": "Promoted",
    }
    assert {found[name]["postgres"] for name in NAMES[1:]} == {"Unpromoted"}


def test_what_pacemaker_says_of_a_failure() -> None:
    text = CRM_MON.replace(
        'role="Promoted" active="true" orphaned="false" blocked="false"'
        ' managed="true" failed="false"',
        'role="Promoted" active="true" orphaned="false" blocked="true"'
        ' managed="true" failed="true"',
    )
    assert text != CRM_MON
    assert survey.members(text, "pgsqld-clone", "haproxy")["srv1"]["postgres"] == "failed"


VIEW = {
    "node": "srv1",
    "role": "production",
    "seconds": 12,
    "timeline": 1,
    "lsn": 83886080,
    "lagging": False,
    "sync": "srv2=async,srv3=sync",
    "held": 0,
    "servers": [
        {"pool": "prod", "node": "srv1", "status": "UP", "check": "L7OK", "agent": "L7OK",
         "seconds": 3, "sessions": 1},
    ],
}  # fmt: skip


def test_what_haproxy_says() -> None:
    found = survey.parse_view(json.loads(json.dumps(VIEW)))
    assert found.sync == {"srv2": "async", "srv3": "sync"}
    assert (found.role, found.timeline, found.lag) == ("production", 1, None)
    assert found.pool("prod") == ("srv1",) and found.pool("stdby") == ()


def test_what_haproxy_may_not_see() -> None:
    assert survey.parse_view({**VIEW, "sync": ""}).sync == {}
    assert survey.parse_view({k: v for k, v in VIEW.items() if k != "sync"}).sync is None


@pytest.mark.parametrize("broken", [[], {}, {"servers": 1}, {**VIEW, "servers": [{"x": 1}]}])
def test_what_haproxy_does_not_say(broken: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        survey.parse_view(broken)


PRIMITIVE = (
    '<primitive id="{0}" class="ocf" provider="paf" type="haproxy">'
    '<instance_attributes id="a"><nvpair id="b" name="prod_port" value="{1}"/>'
    "</instance_attributes></primitive>"
)


def test_the_resource_and_its_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = PRIMITIVE.format("haproxy", 6432), PRIMITIVE.format("lb", 7432)
    monkeypatch.setattr(survey, "run", lambda *_: one)
    name, params = survey.resource_params()
    assert (name, params.prod_port) == ("haproxy", 6432)
    monkeypatch.setattr(survey, "run", lambda *_: f"<xpath-query>{one}{other}</xpath-query>")
    assert survey.resource_params("lb")[1].prod_port == 7432
    with pytest.raises(AgentError, match="name one of the resources with --resource: haproxy lb"):
        survey.resource_params()
    with pytest.raises(AgentError, match="no resource x of ocf:paf:haproxy"):
        survey.resource_params("x")


SWITCHOVER = ROOT / "tests" / "golden" / "captured-switchover"


def test_replay(capsys: pytest.CaptureFixture[str]) -> None:
    """A switchover as a node heard it, from srv3 to srv1."""
    files = [str(path) for path in sorted(SWITCHOVER.glob("*.env"))]
    assert main.main(["paf-haproxy", "notify-replay", "--primary", "srv3", *files]) == 0
    text = capsys.readouterr().out
    assert text.startswith("before: primary srv3\n")
    assert "set server prod/srv3 state drain" in text
    assert "no server changes" in text
    assert text.endswith("    then: primary srv1\n")


@pytest.mark.parametrize("content", ["", "PATH=/bin\n", "OCF_RESKEY_x=1\n", "\0\0", "junk"])
def test_replay_of_what_is_no_notification(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    file = tmp_path / "env"
    file.write_text(content)
    assert main.main(["paf-haproxy", "notify-replay", "--primary", "srv1", str(file)]) == 1
    assert capsys.readouterr().err.startswith(f"paf-haproxy: {file}: no notification")
    assert main.main(["paf-haproxy", "notify-replay", "--primary", "srv1", "/none"]) == 1
    assert capsys.readouterr().err == "paf-haproxy: /none: No such file or directory\n"


def test_replay_reads_what_proc_has(tmp_path: Path) -> None:
    lines = (SWITCHOVER / "01-pre-demote.env").read_text().splitlines()
    file = tmp_path / "environ"
    file.write_text("\0".join(line.replace("'", "") for line in lines))
    assert replay.environment(str(file)) == replay.environment(
        str(SWITCHOVER / "01-pre-demote.env")
    )
    text = replay.replay([str(file)], ClusterView("srv3"), ["srv9"], ["srv9"])
    assert "prod/srv9" not in text


def drained_one(status: str) -> Cluster:
    seen = with_server(Server("stdby", "srv3", status))
    nodes = [
        dataclasses.replace(node, view=dataclasses.replace(node.view, servers=seen))
        for node in well().nodes
        if node.view
    ]
    return Cluster(tuple(nodes))


def test_drain_waits_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(drain, "run", asked.append)
    monkeypatch.setattr(drain, "PAUSE", 0)
    states = iter([well(), well(), drained_one("DRAIN")])
    said: list[str] = []
    assert drain.change("srv3", True, lambda: next(states), said.append) == 0
    assert asked[0][:3] == ["crm_attribute", "--node", "srv3"]
    assert asked[0][-2:] == ["--update", "true"]
    assert said == [f"{name}: stdby/srv3 DRAIN" for name in NAMES]


def test_drain_says_who_does_not_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "run", lambda *_: "")
    monkeypatch.setattr(drain, "PAUSE", 0)
    monkeypatch.setattr(drain, "WITHIN", 0.01)
    with pytest.raises(AgentError, match="HAProxy on srv1 srv2 srv3 does not follow"):
        drain.change("srv3", False, lambda: drained_one("DRAIN"), lambda _: None)


def test_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(*_: object) -> str:
        raise AgentError("cibadmin is not installed")

    monkeypatch.setattr(survey, "run", nobody)
    assert main.main(["paf-haproxy", "status"]) == judge.UNKNOWN
    assert capsys.readouterr().err == "paf-haproxy: cibadmin is not installed\n"
    assert main.main(["paf-haproxy", "explain", "srv1"]) == 1


def test_findings_have_an_order() -> None:
    cluster = changed("srv2", of_view={"servers": servers(None)}, drained=True)
    grades = [each.grade for each in judge.findings(cluster)]
    assert grades[0] == CRITICAL and grades[-1] == OK
    assert judge.grade([Finding(WARNING, ""), Finding(OK, "")]) == WARNING
