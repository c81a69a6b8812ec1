"""What happened, as events in the order of time. Pure: records in, events out.

The narrator is fed record by record, so that the same words appear while a drill runs and after it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..access import READER
from .figures import HELD
from .records import ACK, Attempt, LogLine, Record, RoleSeen, ServersSeen

DRILL = "drill"
PACEMAKER = "Pacemaker"
AGENT = "agent"
PAF = "PAF"
HAPROXY = "HAProxy"
POSTGRES = "PostgreSQL"
CLIENT = "client"

PROGRAMS = {"pacemaker-controld": PACEMAKER, "pacemaker-fenced": PACEMAKER, "paf-haproxy": AGENT}
LEVEL = re.compile(r"^\s*(notice|info|warning|error): ", re.IGNORECASE)
TOLD_BY_PACEMAKER = re.compile(
    r"Initiating (start|stop|promote|demote) |Result of (start|stop|promote|demote) "
    r"|[Ff]encing|Transition \d+ aborted|High CPU load"
)


@dataclass(frozen=True)
class Event:
    """One line of the timeline."""

    at: float
    node: str
    who: str
    text: str


class View(Protocol):
    """Shows a drill while it runs."""

    def update(self, phase: str, events: Sequence[Event], outcomes: Counter[str]) -> None:
        """Is told the phase, the new events, and how often each outcome came so far."""


class Narrator:
    """Turns records into events; remembers only what it needs to tell a change."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._names = {address: name for name, address in addresses.items()}
        self._roles: dict[str, str] = {}
        self._servers: dict[str, Mapping[str, str] | None] = {}
        self._server_of: dict[str, str] = {}
        self._failing: dict[str, list[Attempt]] = {}

    def tell(self, record: Record) -> list[Event]:
        """Returns the events that a record stands for; most stand for none."""
        if isinstance(record, RoleSeen):
            return self._role(record)
        if isinstance(record, ServersSeen):
            return self._haproxy(record)
        if isinstance(record, LogLine):
            return _log(record)
        if isinstance(record, Attempt):
            return list(self._attempt(record))
        return []

    def _role(self, seen: RoleSeen) -> list[Event]:
        before = self._roles.get(seen.node)
        self._roles[seen.node] = seen.role
        was = f", was {before}" if before else ""
        return [Event(seen.at, seen.node, POSTGRES, f"{seen.role}{was}")]

    def _haproxy(self, seen: ServersSeen) -> list[Event]:
        first = seen.node not in self._servers
        old = self._servers.get(seen.node) or {}
        self._servers[seen.node] = seen.states
        if seen.states is None:
            return [Event(seen.at, seen.node, HAPROXY, "does not answer")]
        changed = [
            f"{server} {state}"
            for server, state in sorted(seen.states.items())
            if old.get(server) != state
        ]
        if first or not old:
            changed = [f"{name} {state}" for name, state in sorted(seen.states.items())]
            changed = [words for words in changed if words.startswith("prod/")]
        return [Event(seen.at, seen.node, HAPROXY, ", ".join(changed))] if changed else []

    def _attempt(self, attempt: Attempt) -> Iterable[Event]:
        node, kind, client = attempt.node, attempt.kind, attempt.client
        failing = self._failing.setdefault(client, [])
        if attempt.outcome != ACK:
            if not failing or failing[-1].outcome != attempt.outcome:
                text = f"{kind} #{attempt.sequence} {attempt.outcome}: {attempt.error or ''}"
                yield Event(attempt.end, node, CLIENT, text.rstrip(": "))
            failing.append(attempt)
            return
        took = attempt.end - attempt.start
        if took >= HELD:
            yield Event(attempt.start, node, CLIENT, f"{kind} #{attempt.sequence} waits")
        server = self._names.get(attempt.server or "", attempt.server or "?")
        before = self._server_of.get(client)
        words = [f"{kind} #{attempt.sequence} served by {server}"]
        if took >= HELD:
            words.append(f"after {took:.3f} s")
        if failing:
            words.append(f"after {len(failing)} that were not")
        # A reader goes from standby to standby all the time.
        news = before is not None and before != server and kind != READER
        if took >= HELD or failing or news:
            yield Event(attempt.end, node, CLIENT, ", ".join(words))
        failing.clear()
        self._server_of[client] = server


def _log(line: LogLine) -> list[Event]:
    who = PROGRAMS.get(line.program, PAF)
    text = LEVEL.sub("", line.text)
    if who == PACEMAKER and not TOLD_BY_PACEMAKER.search(text):
        return []
    return [Event(line.at, line.node, who, text)]


def merged(events: Iterable[Event], since: float, until: float) -> list[Event]:
    """Returns the events of a span in the order of time."""
    found = {event for event in events if since <= event.at <= until}
    return sorted(found, key=lambda event: (event.at, event.node, event.who))
