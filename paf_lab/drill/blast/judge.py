"""The verdict over one row. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..records import ACK, Attempt
from .row import LOCAL, Row

SILENT = 5.0
"""s without an answer after which the clients of a node have lost service."""


@dataclass(frozen=True)
class Phase:
    """A part of a row; times are s of the epoch. away: HAProxy is away on the victim on purpose.
    returned: whether it was back in time; `end` is then the moment at which it was.
    """

    name: str
    begin: float
    end: float
    away: bool = False
    returned: bool = True


@dataclass(frozen=True, kw_only=True)
class Course:
    """All that happened in one row."""

    victim: str
    primary: str
    nodes: Collection[str]
    phases: Sequence[Phase]
    attempts: Sequence[Attempt]
    reports: Mapping[str, str]
    """Channel -> the line that reports the fault."""
    trouble: str = ""
    """Why the row did not run to its end; empty if it did."""
    helped: bool = False
    """Whether the cluster became whole only after `crm_resource --cleanup`."""
    died: Collection[str] = ()
    """Nodes that went down: fenced, for a failed stop."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A line of the table."""

    name: str
    text: str
    kind: str
    victim: str
    primary: str
    lost: tuple[str, ...]
    """Nodes that lost service."""
    elsewhere: int
    """Failed connections of clients on other nodes than the victim."""
    here: int
    """Failed connections of the victim's clients while HAProxy was meant to serve."""
    away: int
    """Failed connections of the victim's clients while HAProxy was killed or stopped on purpose."""
    back: Mapping[str, float | None]
    """Phase -> s until HAProxy served again on the victim; None if it did not."""
    reports: Mapping[str, str]
    broken: tuple[str, ...]
    """The limits that were broken, in words; none if the row passed."""
    errors: tuple[str, ...] = field(default=())
    """The first failed connections that count."""

    @property
    def passed(self) -> bool:
        return not self.broken

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


def judge(row: Row, course: Course) -> Outcome:
    """Returns the damage that the row did, and the limits that it broke."""
    away = [phase for phase in course.phases if phase.away]
    excused: list[Attempt] = []
    bad: list[Attempt] = []
    for each in course.attempts:
        if each.outcome == ACK or not _within(course.phases, each):
            continue
        mine = each.node == course.victim
        (excused if mine and any(_overlap(phase, each) for phase in away) else bad).append(each)
    lost = {each.node for each in bad}
    lost |= {node for node in course.nodes if _silent(course, node)} | set(course.died)
    if not all(phase.returned for phase in away):
        lost.add(course.victim)
    elsewhere = [each for each in bad if each.node != course.victim]
    outcome = Outcome(
        name=row.name,
        text=row.text,
        kind=row.kind,
        victim=course.victim,
        primary=course.primary,
        lost=tuple(sorted(lost)),
        elsewhere=len(elsewhere),
        here=len(bad) - len(elsewhere),
        away=len(excused),
        back={p.name: round(p.end - p.begin, 2) if p.returned else None for p in away},
        reports=dict(course.reports),
        broken=(),
        errors=tuple(_words(each) for each in (*elsewhere, *bad)[:3]),
    )
    broken = tuple(_broken(row, course, outcome))
    return Outcome(**{**vars(outcome), "broken": broken})


def _broken(row: Row, course: Course, outcome: Outcome) -> Iterable[str]:
    if course.trouble:
        yield course.trouble
    for node in course.nodes:
        if not any(each.node == node and each.outcome == ACK for each in course.attempts):
            yield f"the clients of {node} were never answered"
    may = {course.victim} if row.kind == LOCAL else set()
    if over := sorted(set(outcome.lost) - may):
        yield f"{' '.join(over)} lost service"
    if outcome.elsewhere:
        yield f"{outcome.elsewhere} connections failed on other nodes"
    if silent := [channel for channel in row.told if channel not in outcome.reports]:
        yield f"not reported in {', '.join(silent)}"
    if course.died:
        yield f"{' '.join(sorted(course.died))} was fenced"
    if course.helped:
        yield "whole again only after crm_resource --cleanup"


def _within(phases: Sequence[Phase], attempt: Attempt) -> bool:
    return bool(phases) and phases[0].begin <= attempt.end and attempt.start <= phases[-1].end


def _overlap(phase: Phase, attempt: Attempt) -> bool:
    return attempt.start <= phase.end and phase.begin <= attempt.end


def _silent(course: Course, node: str) -> bool:
    """Returns whether a client of the node had no answer for too long; on the victim, the time for
    which HAProxy was away on purpose does not count.
    """
    away = [phase for phase in course.phases if phase.away] if node == course.victim else []
    begin, end = course.phases[0].begin, course.phases[-1].end
    for kind in {each.kind for each in course.attempts if each.node == node}:
        acks = [
            each.end
            for each in course.attempts
            if (each.node, each.kind, each.outcome) == (node, kind, ACK)
            and begin <= each.end <= end
        ]
        moments = [begin, *sorted(acks), end]
        for before, after in zip(moments, moments[1:]):
            excused = sum(max(0.0, min(after, p.end) - max(before, p.begin)) for p in away)
            if after - before - excused > SILENT:
                return True
    return False


def _words(attempt: Attempt) -> str:
    return f"{attempt.client} {attempt.outcome} {attempt.error or ''}".strip()
