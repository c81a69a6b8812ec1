"""A row of `lab drill blast` that goes as it should, made of attempts; tests spoil it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from paf_lab.access import CONNECTING, READER
from paf_lab.drill.blast.judge import Course, Phase
from paf_lab.drill.blast.row import LOCAL, VALUE, Row
from paf_lab.drill.records import ACK, REFUSED, Attempt

NODES = ("srv1", "srv2", "srv3")
VICTIM = "srv3"
KILL = Phase("kill", 110.0, 111.0, away=True)
RESTART = Phase("restart", 115.0, 120.0, away=True)
PHASES = (Phase("fault", 100.0, 107.0), KILL, RESTART, Phase("undo", 125.0, 130.0))

WRONG = Row(
    name="hold",
    text="`hold_timeout=bogus`",
    kind=VALUE,
    report="hold",
    parameters={"hold_timeout": "bogus"},
)
FAULT = Row(
    name="template",
    text="the template is broken",
    kind=LOCAL,
    report="template",
    apply="false",
)


def attempt(node: str, kind: str, sequence: int, start: float, **more: Any) -> Attempt:
    fields: dict[str, Any] = {"new": True, "session": start, "end": start + 0.01, "outcome": ACK}
    return Attempt(kind=kind, node=node, sequence=sequence, start=start, **{**fields, **more})


def attempts() -> list[Attempt]:
    """Every 100 ms; the victim's are refused while HAProxy is away on purpose."""
    found = []
    for node in NODES:
        for kind in (CONNECTING, READER):
            for number in range(320):
                start = 99.0 + number / 10
                away = node == VICTIM and any(p.begin <= start <= p.end for p in (KILL, RESTART))
                outcome = REFUSED if away else ACK
                found.append(attempt(node, kind, number, start, outcome=outcome))
    return found


def course(**changes: Any) -> Course:
    """The row that goes as it should, but for some of its attributes."""
    told = {"status": "parameter hold_timeout: 'bogus'", "log": "rejected"}
    well = Course(
        victim=VICTIM,
        primary="srv1",
        nodes=NODES,
        phases=PHASES,
        attempts=attempts(),
        reports=told,
    )
    return replace(well, **changes)


def spoilt(node: str, since: float, until: float, outcome: str = REFUSED) -> list[Attempt]:
    """The attempts, of which those of one node in this time end otherwise."""
    return [
        replace(each, outcome=outcome)
        if each.node == node and since <= each.start < until
        else each
        for each in attempts()
    ]


def without(node: str, since: float, until: float) -> list[Attempt]:
    """The attempts without those of one node in this time: its clients wait."""
    return [each for each in attempts() if each.node != node or not since <= each.start < until]
