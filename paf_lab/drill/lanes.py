"""A run as lanes on one axis of time: what each program did, who was primary, where each HAProxy
led, and what became of each client's attempts. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import figures
from .records import Records, ServersSeen
from .timeline import AGENT, DRILL, PACEMAKER, PAF

BEFORE = 2.0  # s shown before the event
EVENTS, POSTGRES, PROD, CLIENTS = "events", "PostgreSQL", "prod leads to", "clients"
"""Kinds of lanes."""
NOBODY, SILENT = "nobody", "HAProxy is silent"


@dataclass(frozen=True)
class Span:
    """s relative to the event. state: e.g. 'primary' or 'held', and for an event who it was."""

    since: float
    until: float
    state: str
    text: str


@dataclass(frozen=True)
class Lane:
    """One row of the picture."""

    name: str
    kind: str
    spans: tuple[Span, ...]


def lanes(run: Mapping[str, Any], seen: Records) -> list[Lane]:
    """Returns the lanes of a run, from top to bottom. run: as verdict.as_json() returns it."""
    zero = float(run["started"])
    ends = [each.end for each in seen.attempts] + [zero + each["at"] for each in run["timeline"]]
    until = max(ends, default=zero) - zero
    found = [Lane(who, EVENTS, tuple(_events(run["timeline"], who))) for who in WHO]
    names = sorted({each.node for each in seen.roles} | {each.node for each in seen.servers})
    for name in names:
        changes = [(each.at - zero, each.role) for each in seen.roles if each.node == name]
        found.append(Lane(f"PostgreSQL {name}", POSTGRES, tuple(_spans(changes, until))))
    for name in names:
        told = [(each.at - zero, _leads_to(each)) for each in seen.servers if each.node == name]
        found.append(Lane(f"prod of {name}", PROD, tuple(_spans(told, until))))
    for client in sorted({each.client for each in seen.attempts}):
        mine = (a for a in seen.attempts if a.client == client and a.end - zero >= -BEFORE)
        spans = [
            Span(max(each.since - zero, -BEFORE), each.until - zero, each.outcome, each.text)
            for each in figures.strip(mine)
        ]
        found.append(Lane(client, CLIENTS, tuple(spans)))
    return [lane for lane in found if lane.spans or lane.kind == EVENTS]


WHO = (DRILL, PACEMAKER, PAF, AGENT)


def _events(timeline: Iterable[Mapping[str, Any]], who: str) -> Iterator[Span]:
    for each in timeline:
        if each["who"] == who:
            yield Span(each["at"], each["at"], who, f"{each['node']} {each['text']}")


def _leads_to(seen: ServersSeen) -> str:
    if seen.states is None:
        return SILENT
    return " ".join(sorted(seen.leads_to)) or NOBODY


def _spans(changes: Sequence[tuple[float, str]], until: float) -> Iterator[Span]:
    """Yields since when until when each state lasted. A state that follows itself is one span."""
    merged = [each for n, each in enumerate(changes) if not n or changes[n - 1][1] != each[1]]
    ends = [at for at, _ in merged[1:]] + [until]
    for (at, state), end in zip(merged, ends):
        if end > -BEFORE:
            yield Span(max(at, -BEFORE), end, state, state)
