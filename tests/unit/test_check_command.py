"""`paf-haproxy check`: the command, and what it asks the programs of a node."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
from paf_haproxy import network, postgres, process, supervisor
from paf_haproxy.cli import (
    check,
    checks_cib,
    facts,
    main,
    outcome,
    postgres_facts,
)
from paf_haproxy.cli.cib import Cib
from paf_haproxy.cli.outcome import WRONG, Missing
from paf_haproxy.cli.readiness import FINE, NOTE
from paf_haproxy.command import CommandError
from paf_haproxy.ocf import AgentError
from paf_haproxy.params import parse

from tests.unit.check_world import (
    CIB,
    HAPROXY,
    MASTER,
    PACEMAKER,
    PAF,
    ROLE,
    SETTINGS,
    SS,
    UNITS,
    cib,
    outcomes,
    removed,
    settings,
    world,
)

DOWN = Missing("PostgreSQL on this node: connection to server failed: Connection refused")


class Node:
    """The programs of a node, as far as `check` runs them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, str | AgentError] = {
            "cibadmin": CIB,
            "/usr/sbin/haproxy": HAPROXY,
            "crm_mon": PACEMAKER,
            "ss": SS,
            "timedatectl": "yes\n",
        }
        self.words: list[list[str]] = []
        self.role: dict[str, Any] | AgentError = settings()
        for name, value in (
            ("run", self.run), ("_agent", lambda: PAF), ("_units", lambda: UNITS)
        ):  # fmt: skip
            monkeypatch.setattr(facts, name, value)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(os, "getpgid", lambda pid: pid)
        monkeypatch.setattr(process, "leader", lambda _: MASTER)
        monkeypatch.setattr(postgres, "listening", lambda _: "4711")
        monkeypatch.setattr(postgres, "login", lambda _: "")
        monkeypatch.setattr(postgres_facts, "ask", self.ask)
        names = world().addresses
        monkeypatch.setattr(network, "resolve", lambda _: names)

    def run(self, words: list[str], *_: object, **__: object) -> str:
        self.words.append(words)
        answer = self.answers[words[0]]
        if isinstance(answer, AgentError):
            raise answer
        return answer

    def ask(self, _: object) -> dict[str, Any]:
        if isinstance(self.role, AgentError):
            raise self.role
        return self.role


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


def test_the_command(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["paf-haproxy", "check"]) == 0
    text = capsys.readouterr().out
    assert "  ok     role           haproxy exists, and may log in\n" in text
    assert text.splitlines()[-1].endswith(": 46 checks: nothing is wrong, 0 not known")
    assert max(map(len, text.splitlines())) <= 79, "nothing is to be typed"
    columns = {line[23] for line in text.splitlines() if line.startswith(("  ok  ", "  note"))}
    assert columns == {" "}, "a name that is too long runs into its text"
    assert [words[0] for words in node.words].count("cibadmin") == 1


def test_something_is_wrong(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    node.answers["/usr/sbin/haproxy"] = "HAProxy version 2.8.0-fdd8154 2023/05/31"
    node.role = AgentError("PostgreSQL on this node: no\n\tsuch server")
    assert main.main(["paf-haproxy", "check"]) == 1
    text = capsys.readouterr().out
    assert "  WRONG  system_user    postgres cannot log in over the Unix socket:" in text
    assert "  WRONG  HAProxy        HAProxy 2.8.0 hangs (docs/compatibility.md)\n" in text
    assert "         do: install a later 2.8, or another branch\n" in text
    assert "  note   PostgreSQL     not known: PostgreSQL on this node: no such server" in text
    assert text.splitlines()[-1].endswith(": 34 checks: 2 WRONG, 1 not known")


def test_json(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["paf-haproxy", "check", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["resource"] == "haproxy" and told["wrong"] is False
    assert {"name", "outcome", "text", "do"} == set(told["checks"][0])


def test_nothing_can_be_asked(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """No fact is to be had: nothing fails, and each check says why."""
    for name in node.answers:
        node.answers[name] = AgentError(f"{name} is not installed")
    found = facts.gather("")
    assert (found.resource, found.params.pgport) == ("haproxy", 5434)
    names = ("Pacemaker CIB", "ports", "HAProxy", "Pacemaker", "names", "clock")
    for name in names:
        assert outcomes(found, name)[0].outcome == NOTE
        assert "is not installed" in outcomes(found, name)[0].text
    assert main.main(["paf-haproxy", "check"]) == 0


def test_the_cluster_has_no_resource_of_ours_yet(node: Node) -> None:
    node.answers["cibadmin"] = CIB.replace('provider="paf"', 'provider="other"')
    found = facts.gather("")
    assert (found.resource, found.params.pgport) == ("haproxy", 5434)


def test_several_resources(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    more = '<primitive id="lb" class="ocf" type="haproxy" provider="paf"/>'
    node.answers["cibadmin"] = CIB.replace("<resources>", f"<resources>{more}")
    assert main.main(["paf-haproxy", "check"]) == 1
    assert "--resource: lb haproxy" in capsys.readouterr().err
    assert main.main(["paf-haproxy", "--resource", "haproxy", "check"]) == 0


def test_only_root(
    node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main.main(["paf-haproxy", "check"]) == 1
    assert capsys.readouterr().err == (
        "paf-haproxy: only root can check an installation: sudo paf-haproxy check\n"
    )


def test_a_cib_that_is_no_xml(node: Node) -> None:
    node.answers["cibadmin"] = "Signon to CIB failed"
    found = facts.gather("")
    assert isinstance(found.cib, Missing) and "does not print XML" in found.cib.why


def test_a_node_without_postgresql() -> None:
    params = parse({"nodes": "srv1 srv2=10.0.0.2"})
    missing = postgres_facts.absent(params, "srv9")
    assert missing and "srv9 runs no PostgreSQL" in missing.why
    assert postgres_facts.absent(params, "srv2") is None
    assert postgres_facts.absent(parse({}), "srv9") is None
    found = world(postgres=missing, login=missing, params=params)
    assert {each.outcome for each in check.judged(found)} == {FINE, NOTE}


def test_where_postgresql_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Where the agent looks, or else where postmaster.pid of PAF's pgdata says."""
    listens = {"5434": "4711"}
    monkeypatch.setattr(postgres, "listening", lambda each: listens.get(str(each.pgport)))
    params = parse({})
    known = cib(("/var/lib/postgresql/15/main", str(tmp_path)))
    assert postgres_facts.place(known, params) is params
    listens.clear()
    assert postgres_facts.place(known, params) is params, "it does not run"
    pid = subprocess.run(["bash", "-c", "echo $PPID"], capture_output=True, text=True, check=True)
    lines = [pid.stdout.strip(), str(tmp_path), "1764339000", "5432", "/var/run/postgresql", "*"]
    (tmp_path / "postmaster.pid").write_text("\n".join(lines) + "\n")
    found = postgres_facts.place(known, params)
    assert (found.pgport, found.pghost) == (5432, "/var/run/postgresql")
    wrong = outcomes(world(asked=found, postgres=settings(port="5432")), "login")
    assert wrong[0].outcome == FINE
    assert postgres_facts.place(Missing("no"), params) is params


def test_what_cannot_be_had() -> None:
    """The reason is one line."""

    def gone() -> str:
        raise FileNotFoundError(2, "No such file or directory", facts.PAF)

    def late() -> str:
        raise CommandError(["ss", "-Hltnp"], -1, "no end within\n5 s", True)

    for ask, why in ((gone, f"{facts.PAF}: No such file"), (late, "no end within 5 s")):
        found = facts.attempt(ask)
        assert isinstance(found, Missing) and why in found.why


def test_the_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemctl fails with a word on its output, or without one if there is no such unit."""
    said = {("is-enabled", "pacemaker"): "disabled\n", ("is-active", "pacemaker"): "active\n"}

    def run(words: list[str], within: float, fails: bool) -> str:
        assert within <= 5 and fails
        return said.get((words[1], words[2]), "")

    monkeypatch.setattr(facts, "run", run)
    monkeypatch.setattr(supervisor, "present", lambda: True)
    found = facts._units()
    assert found["pacemaker"] == ("disabled", "active") and found["haproxy"] == ("", "")
    assert outcomes(world(units=found), "haproxy unit")[0].outcome == FINE
    monkeypatch.setattr(supervisor, "present", lambda: False)
    with pytest.raises(AgentError, match="systemd does not run this machine"):
        facts._units()


def test_whose_process_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {3019: 3019, 3020: 3019, 77: 77}
    monkeypatch.setattr(os, "getpgid", lambda pid: groups[pid])
    assert facts._in_group(3020, 3019)
    assert not facts._in_group(77, 3019)
    assert not facts._in_group(77, None) and not facts._in_group(0, 3019)


@pytest.mark.parametrize("refusal", ["", "FATAL:  no pg_hba.conf entry"])
def test_a_login_as_haproxy(monkeypatch: pytest.MonkeyPatch, refusal: str) -> None:
    """As the OS user of HAProxy; afterwards the process is root's again."""
    users: list[int] = []
    asked: dict[str, Any] = {}

    class Psycopg2:
        Error = ValueError

        @staticmethod
        def connect(**words: Any) -> Any:
            asked.update(words, euid=users[-1])
            if refusal:
                raise ValueError(refusal)
            return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(postgres, "psycopg2", Psycopg2)
    monkeypatch.setattr(os, "seteuid", users.append)
    monkeypatch.setattr(os, "setegid", lambda _: None)
    user = SimpleNamespace(pw_uid=107, pw_gid=113)
    monkeypatch.setattr(pwd, "getpwnam", {"www": user}.__getitem__)
    params = parse({"user": "www", "pguser": "agent", "pgdatabase": "app"})
    assert postgres.login(params) == refusal
    assert (asked["user"], asked["dbname"], asked["euid"]) == ("agent", "app", 107)
    assert users == [107, 0]
    with pytest.raises(AgentError, match="parameter user: no user haproxy"):
        postgres.login(parse({}))


def test_fencing_is_not_switched_on_before_there_is_a_device() -> None:
    """Pacemaker would start nothing any more."""
    found = removed("primitive", "fence")["cib"]
    found.properties["stonith-enabled"] = "false"
    (check, *_) = checks_cib._cluster(found)
    assert (check.outcome, check.do) == (WRONG, f"bash {outcome.SCRIPTS}/30-fencing.sh")
    found.properties.update({"have-watchdog": "true", "stonith-watchdog-timeout": "10s"})
    found.properties["stonith-enabled"] = "true"
    (check, *_) = checks_cib._cluster(found)
    assert check.outcome == FINE
    found.properties["stonith-watchdog-timeout"] = "0s"
    (check, *_) = checks_cib._cluster(found)
    assert check.outcome == WRONG


def test_the_hosts_of_the_nodes() -> None:
    hosts = facts._hosts
    assert hosts(Cib(CIB), parse({})) == ["srv1", "srv2", "srv3"]
    assert hosts(Cib(CIB), parse({"nodes": "srv1=db1 srv2"})) == ["db1", "srv2"]
    remote = CIB.replace('<node id="3" uname="srv3">', '<node id="3" type="remote" uname="srv3">')
    assert hosts(Cib(remote), parse({})) == ["srv1", "srv2"]
    with pytest.raises(AgentError, match="the nodes of the cluster: no"):
        hosts(Missing("no"), parse({}))


def test_the_question_names_all_that_is_judged() -> None:
    assert set(postgres_facts.SETTINGS) == set(SETTINGS)
    for key in ("recovery", "settings", "role", "hba", *ROLE):
        assert f"'{key}'" in postgres_facts.QUESTION
    assert postgres_facts.QUESTION.replace("%(", "").count("%") == 0
