"""A drill and a trial take the same course; they differ in what they do if the event goes wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab.compare.faults import Fault
from paf_lab.compare.trial import TrialProcedure
from paf_lab.drill import commands, facts, leftovers, runner, table, whole
from paf_lab.drill.drill import Drill
from paf_lab.drill.records import PRIMARY
from paf_lab.drill.run import DrillProcedure
from paf_lab.drill.runner import Aftermath, Performed
from paf_lab.drill.settings import Settings
from paf_lab.drill.target import LabTarget
from paf_lab.errors import LabError
from paf_lab.topology import Topology

Done = list[str]
Perform = Callable[..., Performed]
EVENT = ["attended", "say clients at work", "rest 3"]


class Stage:
    """It notes what is asked of it."""

    done: Done

    def __init__(self, target: Any, directory: Path, view: Any) -> None:
        self.target, self.settings = target, target.settings
        self.nodes = {name: SimpleNamespace(name=name) for name in ("srv1", "srv2")}
        self.names = list(self.nodes)
        self.anyone = self.nodes["srv1"]
        self.primary, self.started = "", 0.0
        self.records: list[Any] = []
        self.events: list[Any] = []
        self.repairs: list[str] = []
        self.sightings: list[Any] = []
        self.leftovers: list[str] = []
        self.addresses = {"srv1": "10.0.0.1", "srv2": "10.0.0.2"}
        self.clients = frozenset({"srv1/connecting"})
        self.died: set[str] = set()
        self.left: dict[str, float] = {}
        self.cleared = 0
        self.roles = {"srv1": "standby", "srv2": PRIMARY}

    def say(self, text: str, node: str = "") -> None:
        self.done.append(f"say {text}")

    def rest(self, seconds: float) -> None:
        self.done.append(f"rest {seconds:g}")

    def look(self) -> None:
        self.done.append("look")

    def await_nodes(self) -> None:
        self.done.append("await nodes")

    def await_clients(self) -> None:
        self.done.append("await clients")

    @staticmethod
    def fail_if(what: object, text: str) -> None:
        if what:
            raise LabError(text)

    @contextlib.contextmanager
    def _during(self, name: str) -> Iterator[None]:
        self.done.append(name)
        try:
            yield
        finally:
            self.done.append(f"not {name}")

    def watched(self) -> contextlib.AbstractContextManager[None]:
        return self._during("watched")

    def attended(self, password: str) -> contextlib.AbstractContextManager[None]:
        return self._during("attended")

    def leader(self) -> str:
        return "srv2"


class Told:
    """A procedure that notes what it is told to do. wrong: the step that fails."""

    def __init__(self, done: Done, wrong: str = "") -> None:
        self.done, self.wrong = done, wrong

    def _do(self, step: str) -> None:
        self.done.append(step)
        if step == self.wrong:
            raise LabError(f"{step} failed")

    def check(self, stage: Any) -> None:
        self._do("check")

    def begin(self, stage: Any) -> None:
        stage.primary = "srv1"
        self._do("begin")

    def bring_about(self, stage: Any) -> str:
        self._do("bring about")
        return ""

    def await_whole(self, stage: Any) -> None:
        self._do("await whole")

    def finish(self, stage: Any) -> None:
        self._do("finish")

    def expected(self, stage: Any) -> str:
        return "srv2"

    def look_round(self, stage: Any) -> Aftermath:
        self._do("look round")
        return Aftermath(fencings=1, receivers={"srv1": "127.0.0.1:5437"}, leftovers=("file x",))


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Done:
    found: Done = []
    monkeypatch.setattr(Stage, "done", found, raising=False)
    monkeypatch.setattr(runner, "Stage", Stage)
    monkeypatch.setattr(commands, "load", lambda node: 0.25)
    monkeypatch.setattr(table, "make", lambda node, *_: found.append(f"make on {node.name}"))
    monkeypatch.setattr(table, "drop", lambda node, *_: found.append(f"drop on {node.name}"))

    def read(node: Any, settings: Settings) -> dict[Any, Any]:
        found.append(f"read on {node.name}")
        return {("srv1/connecting", 1): 1.0}

    monkeypatch.setattr(table, "read", read)
    return found


def perform(procedure: Any, place: Path, **target: Any) -> Performed:
    to = SimpleNamespace(settings=Settings(), **target)
    return runner.perform(procedure, to, place / "run", None)  # type: ignore[arg-type]


BEFORE = ["say wait until the cluster is whole", "await nodes", "check", "watched", "begin"]
AFTER = ["rest 2", "finish", "not attended", "read on srv2", "look round", "look", "drop on srv2"]


def test_the_course_from_whole_to_whole(done: Done, tmp_path: Path) -> None:
    evidence = perform(Told(done), tmp_path).evidence
    course = ["bring about", "await whole", "await clients", "say cluster whole again"]
    assert done == [*BEFORE, "make on srv1", *EVENT, *course, *AFTER, "not watched"]
    assert (evidence.primary, evidence.expected, evidence.trouble) == ("srv1", "srv2", "")
    assert (evidence.fencings, evidence.leftovers, evidence.load) == (1, ("file x",), 0.25)
    assert 0 < evidence.started <= evidence.settled and len(evidence.rows) == 1


@pytest.mark.parametrize("wrong", ["bring about", "await whole"])
def test_what_goes_wrong_after_the_event_is_evidence(
    done: Done, tmp_path: Path, wrong: str
) -> None:
    evidence = perform(Told(done, wrong), tmp_path).evidence
    assert evidence.trouble == f"{wrong} failed"
    assert done[done.index(wrong) + 1] == f"say {wrong} failed" and done[-8:-1] == AFTER


@pytest.mark.parametrize("wrong", ["check", "begin"])
def test_what_cannot_begin_makes_no_table(done: Done, tmp_path: Path, wrong: str) -> None:
    with pytest.raises(LabError, match=f"{wrong} failed"):
        perform(Told(done, wrong), tmp_path)
    assert not any(each.startswith(("make", "drop", "attended")) for each in done)


def test_the_table_is_dropped_whatever_happens(done: Done, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="look round failed"):
        perform(Told(done, "look round"), tmp_path)
    assert done[-3:] == ["look", "drop on srv2", "not watched"]


class Spoilt(Drill):
    """A drill whose event fails."""

    name = "spoilt"
    moves = True

    def __init__(self, done: Done) -> None:
        self.done = done

    def prepare(self, stage: Any) -> None:
        self.done.append("prepare")

    def inject(self, stage: Any) -> None:
        self.done.append("inject")
        raise LabError("it hangs")

    def undo(self, stage: Any) -> None:
        self.done.append("undo")


def test_nobody_waits_after_a_drill_whose_event_failed(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = SimpleNamespace(status=SimpleNamespace(promoted=lambda clone: "srv1"))
    monkeypatch.setattr(whole, "begin", lambda stage: before)
    monkeypatch.setattr(leftovers, "receivers", lambda stage: {})
    monkeypatch.setattr(leftovers, "find", lambda stage: ())
    monkeypatch.setattr(facts, "gather", lambda stage: {})
    asked: list[Any] = []
    found = perform(
        DrillProcedure(Spoilt(done)),
        tmp_path,
        check=lambda: done.append("check"),
        allow=lambda *words: asked.append(words),
        fencings=lambda since, witness: 2,
    )
    assert done[done.index("prepare") :][:4] == ["prepare", "inject", "undo", "say it hangs"]
    assert "await clients" not in done
    assert [drill for drill, _, _ in asked] == ["spoilt"]
    evidence = found.evidence
    assert (evidence.trouble, evidence.expected, evidence.fencings) == ("it hangs", "srv2", 2)


class Asked(Topology):
    """A topology that notes what it is asked, with its primary on a node."""

    name = "asked"

    def __init__(self, done: Done, primary: str | None) -> None:
        self.done, self.where = done, primary

    def primary(self) -> str | None:
        return self.where

    def await_whole(self, *_: Any, **__: Any) -> None:
        self.done.append("await whole")

    def forget(self) -> None:
        self.done.append("forget")


class Broken(Fault):
    """A fault that fails, and is undone."""

    name = "broken"

    def __init__(self, done: Done, wanted: str | None = None, trouble: str = "") -> None:
        self.done, self.wanted, self.trouble = done, wanted, trouble

    def expected(self, stage: Any, target: LabTarget) -> str | None:
        return self.wanted

    def inject(self, stage: Any, target: LabTarget) -> None:
        self.done.append("inject")
        Stage.fail_if(self.trouble, self.trouble)

    def undo(self, stage: Any, target: LabTarget) -> None:
        self.done.append("undo")


def test_a_topology_is_made_whole_although_the_fault_failed(done: Done, tmp_path: Path) -> None:
    fault = Broken(done, trouble="it hangs")
    evidence = perform(TrialProcedure(LabTarget(Asked(done, "srv1")), fault), tmp_path).evidence
    assert evidence.trouble == "it hangs" and evidence.expected == "srv1"
    assert done[2:5] == ["await whole", "forget", "watched"]
    course = ["inject", "undo", "await whole", "await clients", "say it hangs"]
    assert done[done.index("inject") :][:5] == course


def test_a_trial_that_ends_on_another_primary(done: Done, tmp_path: Path) -> None:
    procedure = TrialProcedure(LabTarget(Asked(done, "srv1")), Broken(done, wanted="srv2"))
    assert perform(procedure, tmp_path).evidence.trouble == "srv1 is primary, not srv2"


def test_a_trial_without_a_primary_cannot_begin(done: Done, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="asked has no primary, or two"):
        perform(TrialProcedure(LabTarget(Asked(done, None)), Broken(done)), tmp_path)
