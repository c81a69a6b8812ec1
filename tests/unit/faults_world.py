"""A cluster without processes: nodes and a stage that note what a drill does to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab import agent, cgroup, disorder, power
from paf_lab.drill import leftovers
from paf_lab.drill.audits import Evidence
from paf_lab.drill.cluster import ClusterState, Snapshot
from paf_lab.drill.records import PRIMARY, STANDBY, Facts, Sighting
from paf_lab.drill.settings import Settings
from paf_lab.errors import LabError
from tests.unit.drill_world import ADDRESSES, STARTED, states, still

Done = list[str]
QUESTIONS = ("show info", "show stat", "pg_stat_wal_receiver", "ps -o pid", "ls /run")


MONITOR = "<a><op name='monitor' role='Promoted' interval='4s'/></a>"


class Program:
    """A program in a node. said: what it prints."""

    def __init__(self, said: str = "") -> None:
        self.said, self.written, self.returncode = said, "", 0
        self.stdin = SimpleNamespace(write=self._write, flush=lambda: None, close=lambda: None)
        self.stdout = SimpleNamespace(readline=lambda: self.said)

    def _write(self, text: str) -> None:
        self.written += text

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        return self.said, ""

    def poll(self) -> int:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        return self.returncode

    def kill(self) -> None:
        pass


class Node:
    """answers, codes: what it prints to a command that contains the key, and the exit code."""

    def __init__(self, name: str, done: Done) -> None:
        self.name, self.address, self.done = name, ADDRESSES[name], done
        self.running = True
        self.answers: dict[str, str] = {"show info": "Pid: 77\n", "//primitive": MONITOR}
        self.codes: dict[str, int] = {}
        self.broken: set[str] = set()
        self.program = Program()

    def run(self, *argv: str, user: str | None = None, input: str | None = None, **_: Any) -> Any:
        text = " ".join((*argv, input or ""))
        if not any(each in text for each in QUESTIONS):
            self.done.append(f"{self.name}: {text.strip()}")
        if any(each in text for each in self.broken):
            raise LabError(f"{self.name} does not do that")
        answer = next((said for key, said in self.answers.items() if key in text), "")
        code = next((code for key, code in self.codes.items() if key in text), 0)
        return SimpleNamespace(stdout=answer, stderr="", returncode=code)

    def popen(self, *argv: str, **_: Any) -> Program:
        self.done.append(f"{self.name}: popen {argv[0]}")
        return self.program

    def power_off(self) -> None:
        self.running = False
        self.done.append(f"{self.name}: power off")

    def boot(self, within: float = 20) -> None:
        self.running = True
        self.done.append(f"{self.name}: boot")

    def await_ready(self, within: float = 90) -> None:
        pass

    def cut_off(self) -> None:
        self.done.append(f"{self.name}: cut off")

    def plug_in(self) -> None:
        self.done.append(f"{self.name}: plug in")

    def ip(self, *words: str, check: bool = True) -> None:
        self.done.append(f"{self.name}: ip {' '.join(words)}")


class Stage:
    """The primary is srv1. It does not wait: each condition is asked once, if it is strict."""

    def __init__(self) -> None:
        self.done: Done = []
        self.nodes = {name: Node(name, self.done) for name in ADDRESSES}
        self.names, self.addresses = list(ADDRESSES), dict(ADDRESSES)
        self.primary, self.started, self.password = "srv1", STARTED, "secret"
        self.settings = Settings()
        self.roles = {"srv1": PRIMARY, "srv2": STANDBY, "srv3": STANDBY}
        self.servers: dict[str, Any] = {name: states("srv1") for name in ADDRESSES}
        self.died: set[str] = set()
        self.out_of_touch: set[str] = set()
        self.leftovers: list[str] = []
        self.repairs: list[str] = []
        self.sightings: list[Sighting] = []
        self.cleared = 0
        self.strict = False

    @property
    def anyone(self) -> Node:
        return next(
            node for name, node in self.nodes.items() if name not in self.died | self.out_of_touch
        )

    def say(self, text: str, node: str = "") -> None:
        pass

    def saw(self, what: str, node: str, number: int = 1) -> None:
        self.sightings.append(Sighting(STARTED + 1, node, what, number))

    def leaves(self, node: str) -> None:
        self.died.add(node)

    def repair(self, what: str, node: str) -> None:
        self.repairs.append(f"{node}: {what}")

    def clear_failures(self, resource: str) -> None:
        self.done.append(f"clear failures of {resource}")

    def rest(self, seconds: float) -> None:
        self.done.append(f"rest {seconds:g}")

    def wait(self, lacking: Callable[[], str], within: float | None = None, **_: Any) -> None:
        why = lacking()
        if why and self.strict:
            raise LabError(why)

    def fell_silent(self, node: str) -> bool:
        return False

    def unrouted(self, primary: str) -> str:
        return "" if self.roles.get(primary) == PRIMARY else f"{primary} is no primary"

    def await_healthy(self, *_: Any, **__: Any) -> None:
        pass

    def snapshot(self) -> Snapshot:
        status = ClusterState(frozenset(self.names), "srv3", {}, ())
        return Snapshot(status, True, (), self.roles, self.servers, {})

    @staticmethod
    def fail_if(what: object, text: str) -> None:
        if what:
            raise LabError(text)


def nothing() -> Evidence:
    """Clients work for a while, and nothing happens to the cluster."""
    world = still()
    servers = tuple(each for each in world.seen.servers if each.at < STARTED)
    seen = replace(world.seen, servers=servers)
    return replace(world, seen=seen, after=world.before, settled=STARTED + 1)


def rebooted(evidence: Evidence, *nodes: str) -> Evidence:
    """The same, and these nodes went down, were fenced, and booted."""
    after = {**evidence.after, **{name: Facts("b") for name in nodes}}
    died = frozenset({*evidence.died, *nodes})
    return replace(evidence, after=after, died=died, fencings=len(nodes))


def hushed(evidence: Evidence, node: str, seconds: float) -> Evidence:
    """The same, and no client of the node told anything for so many s after the event."""
    until = STARTED + seconds
    kept = (
        each
        for each in evidence.seen.attempts
        if each.node != node or not STARTED <= each.end < until
    )
    return replace(evidence, seen=replace(evidence.seen, attempts=tuple(kept)))


def steps(done: Done, *words: str) -> Iterator[str]:
    """Yields the notes that contain one of these words, in their order."""
    return (each for each in done if any(word in each for word in words))


def prepared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    """Returns a stage whose nodes can be frozen and whose power switch keeps its files apart."""
    found = Stage()
    frozen: set[str] = set()

    def freeze(name: str, whether: bool) -> None:
        found.done.append(f"{name}: {'frozen' if whether else 'thawed'}")
        (frozen.add if whether else frozen.discard)(name)

    monkeypatch.setattr(cgroup, "freeze", freeze)
    monkeypatch.setattr(cgroup, "frozen", lambda name: name in frozen)
    monkeypatch.setattr(leftovers, "find", lambda *_, **__: ())
    monkeypatch.setattr(agent, "install", lambda node: found.done.append("install"))
    for name in ("DELAY", "PRETENCE", "REFUSAL"):
        monkeypatch.setattr(disorder, name, tmp_path / name)
    monkeypatch.setattr(power, "LOG", tmp_path / "power.log")
    power.LOG.write_text("")
    return found
