"""`paf-haproxy`: what Pacemaker and HAProxy tell it, notify-replay, drain."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from paf_haproxy.cli import advice, drain, findings, main, replay, survey
from paf_haproxy.cli.survey import Cluster, Server
from paf_haproxy.command import CommandError
from paf_haproxy.ocf import AgentError
from paf_haproxy.view import ClusterView

from tests.tools import ROOT
from tests.unit.cli_world import NAMES, well, with_server

CRM_MON = (Path(__file__).parent / "data" / "crm_mon.xml").read_text()


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


FAILURES = """  <failures>
    <failure op_key="haproxy_start_0" node="srv3" exitstatus="error" exitreason="no program /x"/>
    <failure op_key="haproxy_monitor_4000" node="srv9" exitstatus="error" exitreason="x"/>
    <failure op_key="pgsqld_monitor_15000" node="srv1" exitstatus="error" exitreason=""/>
  </failures>
  <status code="0" """


def test_why_haproxy_failed() -> None:
    """That of our resource, on a node of the cluster."""
    text = CRM_MON.replace('  <status code="0" ', FAILURES)
    found = survey.members(text, "pgsqld-clone", "haproxy")
    assert {name: facts.get("failure") for name, facts in found.items()} == {
        "srv1": None,
        "srv2": None,
        "srv3": "start: no program /x",
    }


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
    assert not found.probation and survey.parse_view({**VIEW, "probation": True}).probation


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


def test_a_parameter_that_is_invalid_does_not_hide_the_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(survey, "run", lambda *_: PRIMITIVE.format("haproxy", "abc"))
    assert survey.resource_params()[1].prod_port == 5432, "its default"


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
    assert drain.change("srv3", True, "lb", lambda: next(states), said.append) == 0
    assert asked[0][:3] == ["crm_attribute", "--node", "srv3"]
    assert asked[0][3:5] == ["--name", "paf-haproxy-drained-lb"]
    assert asked[0][-2:] == ["--update", "true"]
    assert len(asked) == 1
    assert said == [f"{name}: stdby/srv3 DRAIN" for name in NAMES]


def test_drain_says_who_does_not_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "run", lambda *_: "")
    monkeypatch.setattr(drain, "PAUSE", 0)
    monkeypatch.setattr(drain, "WITHIN", 0.01)
    with pytest.raises(AgentError, match="HAProxy on srv1 srv2 srv3 does not follow"):
        drain.change("srv3", False, "lb", lambda: drained_one("DRAIN"), lambda _: None)


def test_undrain_forgets_what_an_earlier_version_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(drain, "run", asked.append)
    assert drain.change("srv3", False, "lb", well, lambda _: None) == 0
    assert [words[4] for words in asked] == ["paf-haproxy-drained-lb", "paf-haproxy-drained"]
    assert all(words[-1] == "--delete" for words in asked)


def lagging_one() -> Cluster:
    """srv3 lags too much: every HAProxy gives it weight 0, which its statistics call DRAIN."""
    nodes = []
    for node in drained_one("DRAIN").nodes:
        view = node.view
        if node.name == "srv3" and view:
            view = dataclasses.replace(view, lag=32 << 20, lagging=True)
        nodes.append(dataclasses.replace(node, view=view))
    return Cluster(tuple(nodes))


def test_undrain_of_a_standby_that_lags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "run", lambda *_: "")
    monkeypatch.setattr(drain, "PAUSE", 0)
    monkeypatch.setattr(drain, "WITHIN", 0.01)
    said: list[str] = []
    assert drain.change("srv3", False, "lb", lagging_one, said.append) == 0
    assert said[-1].startswith("srv3 is not drained any more; it lags 32 MB, more than max_lag")


def test_drain_of_a_standby_that_lags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "run", lambda *_: "")
    said: list[str] = []
    assert drain.change("srv3", True, "lb", lagging_one, said.append) == 0
    assert said == [f"{name}: stdby/srv3 DRAIN" for name in NAMES]


@pytest.mark.parametrize(
    ("value", "found"), [("", True), ("0", True), ("0s", True), ("30s", False), ("1", False)]
)
def test_advice_on_failures_that_never_expire(value: str, found: bool) -> None:
    texts = [finding.text for finding in advice.missing("lb", value)]
    assert bool(texts) is found
    if found:
        command = "crm_resource --resource lb --meta --set-parameter failure-timeout"
        assert texts[0].endswith(f"Type: {command} --parameter-value 30s")


def test_advice_if_crm_resource_knows_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def unset(words: list[str], *_: object) -> str:
        raise CommandError(words, 105, "Attribute 'failure-timeout' not found for 'haproxy:0'")

    monkeypatch.setattr(advice, "run", unset)
    assert [finding.grade for finding in advice.advice("haproxy")] == [findings.OK]
    monkeypatch.setattr(advice, "run", lambda *_: "30s\n")
    assert advice.advice("haproxy") == []


def test_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(*_: object) -> str:
        raise AgentError("cibadmin is not installed")

    monkeypatch.setattr(survey, "run", nobody)
    assert main.main(["paf-haproxy", "status"]) == findings.UNKNOWN
    assert capsys.readouterr().err == "paf-haproxy: cibadmin is not installed\n"
    assert main.main(["paf-haproxy", "explain", "srv1"]) == 1
