"""`paf-haproxy switchover`: what is done in which order, and what it ends with."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from typing import Any

import pytest
from paf_haproxy import pacemaker, request
from paf_haproxy.cli import main, move, survey, switchover
from paf_haproxy.cli.situation import Situation
from paf_haproxy.ocf import AgentError
from paf_haproxy.params import parse

from tests.unit.cli_world import well
from tests.unit.test_readiness import LINE, OWN, PRIMARY, QUIET


class World:
    """A cluster that is well. done: the commands and the requests, in their order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.found: Situation = QUIET
        self.cluster = well()
        self.lock = threading.Lock()
        self.primary = "srv1"
        self.moves = True
        self.silent = False
        self.here = "srv1"
        self.seconds = [0.5]
        """How long the next CHECKPOINTs take; the last one is that of all that follow."""
        self.facts: dict[str, dict[str, Any]] = {"srv1": PRIMARY, "srv2": OWN, "srv3": OWN}
        params = parse({"nodes": "srv1 srv2 srv3", "statedir": "/nowhere"})
        monkeypatch.setattr(os, "uname", lambda: type("Names", (), {"nodename": self.here}))
        monkeypatch.setattr(main, "resource_params", lambda _: ("haproxy", params))
        monkeypatch.setattr(survey, "survey", lambda *_: self.cluster)
        monkeypatch.setattr(switchover, "situation", lambda *_: self.found)
        monkeypatch.setattr(move, "run", self.run)
        monkeypatch.setattr(move, "MOVE_WITHIN", 0.5)
        monkeypatch.setattr(move, "PAUSE", 0.01)
        monkeypatch.setattr(switchover, "PAUSE", 0.01)
        monkeypatch.setattr(pacemaker, "idle", lambda: True)
        monkeypatch.setattr(pacemaker, "promoted", lambda _: (self.primary,))
        monkeypatch.setattr(request, "perform", lambda _, what: self.asked("here", self.here, what))
        monkeypatch.setattr(
            request, "ask", lambda _, node, what, *__: self.asked("there", node, what)
        )

    def run(self, words: list[str], **_: Any) -> str:
        self.done.append(" ".join(words))
        if "--move" in words and self.moves:
            self.primary = words[words.index("--node") + 1]
        return ""

    def asked(self, where: str, node: str, what: str) -> dict[str, Any]:
        with self.lock:
            self.done.append(f"{where}: {what} on {node}")
            self.done[-2:] = sorted(self.done[-2:]) if where == "there" else self.done[-2:]
        if what.startswith(request.FILL):
            return {"segments": 4}
        if what.startswith(request.SESSIONS):
            if self.silent:
                raise AgentError("srv3 has not answered")
            return {"sessions": 8}
        if what == request.CHECKPOINT:
            return {"seconds": self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]}
        return self.facts[node]

    def command(self, *words: str) -> int:
        return main.main(["paf-haproxy", "switchover", *words])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


MOVE = "crm_resource --move --promoted --resource pgsqld-clone --node srv2 --lifetime PT10M"
CLEAR = "crm_resource --clear --resource pgsqld-clone"
LOOKS = ["here: look on srv1", "there: look on srv2", "there: look on srv3"]
WAYS = (("here", "srv1"), ("there", "srv2"), ("there", "srv3"))
ROUND = [f"{way}: checkpoint on {node}" for way, node in WAYS]
CHECKPOINTS = [*ROUND, ROUND[0]]


def test_the_steps(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.command("srv2") == 0
    assert world.done == [*LOOKS, *CHECKPOINTS, MOVE, CLEAR]
    lines = capsys.readouterr().out.splitlines()
    assert "srv2 is the primary. On this node, prod had no server for" in lines[-2]
    assert max(map(len, lines)) <= 80


def test_the_best_candidate_is_taken(world: World) -> None:
    assert world.command() == 0
    assert MOVE in world.done


def test_a_dry_run_changes_nothing(world: World) -> None:
    assert world.command("--dry-run") == 0
    assert world.done == LOOKS
    world.found = dataclasses.replace(QUIET, quorum=False)
    assert world.command("--dry-run") == 1


def test_a_refusal(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.facts["srv1"] = {**PRIMARY, "standbys": []}
    assert world.command("srv2") == 1
    assert world.done == LOOKS
    said = capsys.readouterr().out
    assert "REFUSED streaming" in said and "          do: journalctl" in said
    assert said.endswith("Refused. Nothing was changed.\n")
    assert world.command("srv2", "--force") == 0
    assert MOVE in world.done


def test_a_pooler_that_does_not_answer(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.facts["srv3"] = {**OWN, "pooler": "PgBouncer on /run: Connection refused"}
    assert world.command("srv2") == 1
    said = capsys.readouterr().out
    assert "REFUSED pooler       srv3: PgBouncer on /run: Connection refused" in said
    assert "do: on srv3: systemctl status pgbouncer" in said


def test_paf_that_does_not_wait_for_the_pooler(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacemaker, "demote_waits", lambda *_: False)
    assert world.command("srv2") == 0
    assert "PAF does not wait" not in capsys.readouterr().out, "there is no pooler"
    params = parse({"nodes": "srv1 srv2 srv3", "statedir": "/nowhere", "pooler": "/run/postgresql"})
    monkeypatch.setattr(main, "resource_params", lambda _: ("haproxy", params))
    world.primary = "srv1"
    assert world.command("srv2") == 0
    assert "PAF does not wait for PgBouncer" in capsys.readouterr().out


def test_sessions_that_went_on_are_counted(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacemaker, "demote_waits", lambda *_: True)
    params = parse({"nodes": "srv1 srv2 srv3", "statedir": "/nowhere", "pooler": "/run/postgresql"})
    monkeypatch.setattr(main, "resource_params", lambda _: ("haproxy", params))
    assert world.command("srv2") == 0
    assert "24 sessions through PgBouncer went on." in " ".join(capsys.readouterr().out.split())
    world.primary, world.silent = "srv1", True
    assert world.command("srv2") == 0, "the move has succeeded all the same"
    assert "srv3 has not answered" in capsys.readouterr().out


def test_segments_that_were_never_used_are_used_up_first(world: World) -> None:
    world.facts["srv2"] = {**OWN, "unused": "000000000000000A"}
    assert world.command("srv2") == 0
    assert world.done == [*LOOKS, "here: fill 000000000000000A on srv1", *CHECKPOINTS, MOVE, CLEAR]


def test_a_segment_that_is_mostly_used_is_left(world: World) -> None:
    world.facts["srv1"] = {**PRIMARY, "segment": {"name": "0000000000000009", "used": 60}}
    assert world.command("srv2") == 0
    assert world.done == [*LOOKS, "here: fill 0000000000000009 on srv1", *CHECKPOINTS, MOVE, CLEAR]


@pytest.mark.parametrize("slow", [0, 1, 2])
def test_a_long_checkpoint_is_followed_by_another_round(slow: int, world: World) -> None:
    """slow: whose CHECKPOINT of the first round takes long."""
    world.seconds = [*(20.0 if place == slow else 0.5 for place in range(3)), 0.5]
    assert world.command("srv2") == 0
    assert world.done == [*LOOKS, *ROUND, *CHECKPOINTS, MOVE, CLEAR]


def test_checkpoints_that_stay_long_do_not_keep_the_command(world: World) -> None:
    world.seconds = [20.0]
    assert world.command("srv2") == 0
    assert world.done == [*LOOKS, *ROUND * move.MOST_ROUNDS, ROUND[0], MOVE, CLEAR]


def test_another_node_than_the_primary_does_not_ask_it_again(world: World) -> None:
    world.here = "srv3"
    assert world.command("srv2") == 0
    checkpoints = [each for each in world.done if "checkpoint" in each]
    assert checkpoints[0] == "there: checkpoint on srv1"
    assert sorted(checkpoints[1:]) == ["here: checkpoint on srv3", "there: checkpoint on srv2"]


def test_a_score_that_paf_has_yet_to_give(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """PAF's monitor gives a standby its score some seconds after it streams."""
    looks = [dataclasses.replace(QUIET, scores={"srv1": 1001, "srv2": -1000})] * 3 + [QUIET]
    monkeypatch.setattr(
        switchover, "situation", lambda *_: looks.pop(0) if len(looks) > 1 else looks[0]
    )
    assert world.command("srv2") == 0
    assert "waiting for PAF's score of srv2" in capsys.readouterr().out


def test_a_score_that_paf_does_not_give(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(switchover, "SCORE_WITHIN", 0.05)
    world.found = dataclasses.replace(QUIET, scores={"srv1": 1001, "srv2": -1000})
    assert world.command("srv2") == 1
    assert "REFUSED score" in capsys.readouterr().out


def test_failures_are_cleaned_up_before_the_move(world: World) -> None:
    world.found = dataclasses.replace(QUIET, failed=("srv3",))
    assert world.command("srv2") == 0
    cleanup = "crm_resource --cleanup --resource pgsqld-clone"
    assert world.done == [*LOOKS, cleanup, *CHECKPOINTS, MOVE, CLEAR]


def test_a_move_that_does_not_come_about(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.moves = False
    assert world.command("srv2") == 2
    assert world.done[-1] == MOVE, "the constraint is the person's to judge, and ends by itself"
    assert "the primary has not moved to srv2" in capsys.readouterr().err


@pytest.mark.parametrize("node", ["srv1", "srv9"])
def test_no_standby(node: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.command(node) == 1
    assert f"{node} is no standby" in capsys.readouterr().err
    assert world.done == []


def test_a_node_that_does_not_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def silent(*_: Any) -> dict[str, Any]:
        raise AgentError("srv2 has not answered 'look' within 60 s")

    monkeypatch.setattr(request, "ask", silent)
    assert world.command("srv2") == 1
    assert "srv2 has not answered" in capsys.readouterr().err


def test_as_json(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.command("srv2", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["primary"], told["candidate"], told["moved"]) == ("srv1", "srv2", True)
    assert {check["outcome"] for check in told["checks"]} == {"ok"}
    assert isinstance(told["outage"], float)


@pytest.mark.parametrize(("lag", "code"), [("1MB", 1), ("3MB", 0), ("many", 1)])
def test_the_limit_of_the_lag(lag: str, code: int, world: World) -> None:
    world.facts["srv1"] = {**PRIMARY, "standbys": [{**LINE, "flush": 2 << 20}]}
    assert world.command("srv2", "--dry-run", "--max-lag", lag) == code
