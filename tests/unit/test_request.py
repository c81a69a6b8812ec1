"""A request of another node: it is answered once, and an old one never."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paf_haproxy import pacemaker, request
from paf_haproxy.context import Context, Notice
from paf_haproxy.ocf import AgentError

NAME = "paf-haproxy-request-haproxy"


class World:
    """Pacemaker's attributes of srv1, and the processes that were started."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.context = Context("monitor", "srv1", {"statedir": str(directory)}, Notice("-"))
        self.attributes: dict[str, str] = {}
        self.started: list[list[str]] = []
        self.told: list[str] = []
        monkeypatch.setattr(pacemaker, "node_attributes", lambda _: {"srv1": self.attributes})
        monkeypatch.setattr(pacemaker, "tell", lambda _, node, text: self.told.append(text))
        monkeypatch.setattr(subprocess, "Popen", lambda words, **_: self.started.append(words))

    def ask(self, what: str, age: float = 0) -> None:
        self.attributes[NAME] = f"{int(time.time() - age)}-ab12 {what}"

    def take(self) -> int:
        """Returns how many processes were started."""
        before = len(self.started)
        request.take(self.context)
        return len(self.started) - before


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_it_is_answered_once(world: World) -> None:
    assert world.take() == 0, "there is none"
    world.ask("look")
    assert [world.take(), world.take()] == [1, 0]
    assert world.started[0][1:] == ["answer"]
    world.ask("checkpoint")
    assert world.take() == 1


def test_the_time_of_a_client_of_pgbouncers() -> None:
    now = int(time.time())
    text = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now))
    assert request.connected(text) == now


@pytest.mark.parametrize("age", [601, -601])
def test_an_old_one_is_not_answered(age: float, world: World) -> None:
    world.ask("look", age=age)
    assert world.take() == 0


def test_a_monitor_never_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: float) -> dict[str, dict[str, str]]:
        raise AgentError("cibadmin is gone")

    monkeypatch.setattr(pacemaker, "node_attributes", fails)
    assert world.take() == 0


def test_an_error_is_an_answer(world: World) -> None:
    world.ask("dance")
    world.take()
    assert request.answer(world.context) == 0
    name, _, text = world.told[0].partition(" ")
    assert world.attributes[NAME].startswith(f"{name} ")
    assert "does not know the request 'dance'" in json.loads(text)["error"]


class Cib:
    """What crm_attribute and cibadmin do. reply: what the other node answers."""

    def __init__(self, reply: Callable[[str], str]) -> None:
        self.reply = reply
        self.request = ""

    def run(self, words: list[str], *_: Any, **__: Any) -> str:
        if words[0] == "crm_attribute":
            self.request = words[-1] if words[-2] == "--update" else ""
            return ""
        name = self.request.partition(" ")[0]
        return f"<a><nvpair name='n' value='{self.reply(name)}'/></a>"


def ask(monkeypatch: pytest.MonkeyPatch, reply: Callable[[str], str], within: float = 2) -> Any:
    cib = Cib(reply)
    monkeypatch.setattr(request, "run", cib.run)
    monkeypatch.setattr(request, "PAUSE", 0.01)
    try:
        return request.ask("haproxy", "srv2", "look", within)
    finally:
        assert cib.request == "", "the request is taken back"


def test_the_answer_to_this_request(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, lambda name: f"{name} {{&quot;timeline&quot;:3}}") == {"timeline": 3}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("1-ff {}", "srv2 has not answered 'look' within 0.1 s"),
        ("NAME {&quot;error&quot;:&quot;no login&quot;}", "srv2: no login"),
        ("NAME {&quot;slots", "srv2 gave an answer that is cut off"),
    ],
)
def test_no_answer(reply: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AgentError, match=reason):
        ask(monkeypatch, lambda name: reply.replace("NAME", name), within=0.1)
