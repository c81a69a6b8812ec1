"""What the agent asks other programs, and what it makes of their answers."""

from __future__ import annotations

import pytest
from paf_haproxy import pacemaker
from paf_haproxy.command import CommandError, run
from paf_haproxy.ocf import ERR_GENERIC, ERR_INSTALLED, AgentError


class Answers:
    """Stands in for `run`: notes the command, and answers or fails as it was told."""

    def __init__(self, *answers: str | AgentError) -> None:
        self.answers = list(answers)
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], timeout: float = 10.0) -> str:
        self.commands.append(command)
        answer = self.answers.pop(0)
        if isinstance(answer, AgentError):
            raise answer
        return answer


def answer(monkeypatch: pytest.MonkeyPatch, *answers: str | AgentError) -> Answers:
    stand_in = Answers(*answers)
    monkeypatch.setattr(pacemaker, "run", stand_in)
    return stand_in


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("resource pgsqld-clone is running on: srv1 Promoted\n", ("srv1",)),
        (
            "resource pgsqld-clone is running on: srv2 \n"
            "resource pgsqld-clone is running on: srv1 Promoted\n"
            "resource pgsqld-clone is running on: srv3 \n",
            ("srv1",),
        ),
        ("resource pgsqld-clone is running on: srv2 \n", ()),
        ("resource pgsqld-clone is NOT running\n", ()),
        (
            "resource x is running on: a Promoted\nresource x is running on: b Promoted\n",
            ("a", "b"),
        ),
        ("", ()),
    ],
)
def test_promoted(monkeypatch: pytest.MonkeyPatch, text: str, nodes: tuple[str, ...]) -> None:
    asked = answer(monkeypatch, text)
    assert pacemaker.promoted("pgsqld-clone") == nodes
    assert asked.commands == [["crm_resource", "--resource", "pgsqld-clone", "--locate"]]


NODES = """<xpath-query>
  <node id="2" uname="srv2">
    <instance_attributes id="nodes-2">
      <nvpair id="nodes-2-master-pgsqld" name="master-pgsqld" value="1000"/>
    </instance_attributes>
  </node>
  <node id="10" uname="srv10" type="member"/>
  <node id="web1" type="remote" uname="web1"/>
  <node id="1" uname="srv1"/>
</xpath-query>
"""


def test_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(monkeypatch, NODES)
    assert pacemaker.nodes() == ("srv1", "srv10", "srv2")
    assert asked.commands == [["cibadmin", "--query", "--xpath", "//nodes/node"]]


DRAINED = '<nvpair id="nodes-{0}-d" name="paf-haproxy-drained-haproxy" value="{1}"/>'


@pytest.mark.parametrize(
    ("value", "other", "drained"),
    [("true", "", {"srv2"}), ("false", "", set()), ("true", "true", {"srv2", "srv10"})],
)
def test_drained(
    monkeypatch: pytest.MonkeyPatch, value: str, other: str, drained: set[str]
) -> None:
    text = NODES.replace("</instance", DRAINED.format(2, value) + "</instance")
    if other:
        attributes = (
            f"<instance_attributes>{DRAINED.format(10, other)}</instance_attributes></node>"
        )
        text = text.replace('uname="srv10" type="member"/>', f'uname="srv10">{attributes}')
    answer(monkeypatch, text, text)
    assert pacemaker.drained("haproxy") == drained
    assert pacemaker.nodes() == ("srv1", "srv10", "srv2"), "as ever"


@pytest.mark.parametrize(
    ("name", "resource", "drained"),
    [
        ("paf-haproxy-drained-haproxy", "haproxy", True),
        ("paf-haproxy-drained-haproxy", "haproxy:1", True),
        ("paf-haproxy-drained-haproxy", "haproxy2", False),
        ("paf-haproxy-drained-haproxy2", "haproxy", False),
        ("paf-haproxy-drained", "haproxy", True),
        ("paf-haproxy-drained", "haproxy2", True),
    ],
)
def test_drained_for_one_resource(
    monkeypatch: pytest.MonkeyPatch, name: str, resource: str, drained: bool
) -> None:
    """The name without a resource is that of earlier versions, and holds for all."""
    attribute = DRAINED.format(2, "true").replace("paf-haproxy-drained-haproxy", name)
    answer(monkeypatch, NODES.replace("</instance", attribute + "</instance"))
    assert pacemaker.drained(resource) == ({"srv2"} if drained else set())


def test_the_only_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the element around it."""
    answer(monkeypatch, '<node uname="srv1" id="1"/>\n')
    assert pacemaker.nodes() == ("srv1",)


@pytest.mark.parametrize(
    ("answers", "idle"),
    [
        (("Designated Controller is: srv1\n", "Controller on srv1 in state S_IDLE: ok\n"), True),
        (("Designated Controller is: srv1\n", "... in state S_TRANSITION_ENGINE: ok\n"), False),
        (("Designated Controller is: srv1\n", CommandError(["crmadmin"], 1, "timed out")), False),
        (("Designated Controller is: \n",), False),
        ((AgentError("crmadmin is not installed", ERR_INSTALLED),), False),
    ],
)
def test_idle(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[str | AgentError, ...], idle: bool
) -> None:
    asked = answer(monkeypatch, *answers)
    assert pacemaker.idle() is idle
    assert asked.answers == []
    assert asked.commands[1:] in ([], [["crmadmin", "--status", "srv1"]])


@pytest.mark.parametrize(("state", "idle"), [("S_IDLE", True), ("S_NOT_DC", False)])
def test_idle_if_the_dc_is_known(monkeypatch: pytest.MonkeyPatch, state: str, idle: bool) -> None:
    """It is not looked up, and may be the DC no more."""
    asked = answer(monkeypatch, f"Controller on srv2 in state {state}: ok\n")
    assert pacemaker.idle("srv2") is idle
    assert asked.commands == [["crmadmin", "--status", "srv2"]]


def test_the_promotion_score(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(monkeypatch, "", "")
    pacemaker.set_promotable("haproxy", "srv1")
    pacemaker.unset_promotable("haproxy", "srv1")
    scope = ["--node", "srv1", "--lifetime", "reboot"]
    assert asked.commands == [
        ["crm_attribute", "--promotion=haproxy", *scope, "--update", "1"],
        ["crm_attribute", "--promotion=haproxy", *scope, "--delete"],
    ]


def test_the_promotion_score_cannot_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, CommandError(["crm_attribute"], 102, "Could not connect"))
    with pytest.raises(CommandError, match="Could not connect"):
        pacemaker.set_promotable("haproxy", "srv1")


def test_run() -> None:
    assert run(["sh", "-c", "echo out; echo err >&2"]) == "out\n"


def test_run_fails() -> None:
    with pytest.raises(CommandError) as caught:
        run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    error = caught.value
    assert (error.status, error.output, error.code) == (3, "out\nerr\n", ERR_GENERIC)
    assert error.command == ("sh", "-c", "echo out; echo err >&2; exit 3")
    assert error.reason.endswith("ended with 3: out err")


def test_run_takes_too_long() -> None:
    with pytest.raises(CommandError, match=r"no end within 0\.2 s"):
        run(["sleep", "60"], timeout=0.2)


def test_run_what_is_not_there() -> None:
    with pytest.raises(AgentError) as caught:
        run(["/nonexistent/haproxy"])
    assert caught.value.reason == "/nonexistent/haproxy is not installed"


def test_run_has_no_input() -> None:
    assert run(["cat"]) == ""
