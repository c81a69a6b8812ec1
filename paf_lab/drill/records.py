"""What the programs in the nodes have seen, as immutable values. Pure; times are s of the epoch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from ..access import KINDS, OPEN, POOLED_KINDS, POOLED_READER, READER

ACK = "ack"
REFUSED = "refused"
FAILED = "failed"
UNKNOWN = "unknown"
MISROUTED = "misrouted"

PRIMARY = "primary"
STANDBY = "standby"
DOWN = "down"

UP = "ready up"
"""How a server looks in HAProxy that gets new connections."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One write or read of a client; the terms are explained in paf_lab/drill/__init__.py."""

    kind: str
    node: str
    sequence: int
    new: bool
    start: float
    session: float | None
    """When the session stood, or None if it never did."""
    end: float
    outcome: str
    server: str | None = None
    """The address of the PostgreSQL that answered."""
    timeline: str | None = None
    in_recovery: bool | None = None
    sqlstate: str | None = None
    error: str | None = None

    @property
    def client(self) -> str:
        """e.g. 'srv1/connecting', as in the table."""
        return f"{self.node}/{self.kind}"

    @property
    def writes(self) -> bool:
        return self.kind not in (READER, POOLED_READER)


@dataclass(frozen=True)
class RoleSeen:
    """A change of a PostgreSQL's own role: primary, standby or down."""

    node: str
    at: float
    before: float | None
    """When it was last seen in the role that it had before."""
    role: str


@dataclass(frozen=True)
class ServersSeen:
    """A change in a HAProxy: 'prod/srv1' -> 'ready up'; states is None while it does not answer."""

    node: str
    at: float
    before: float | None
    states: Mapping[str, str] | None

    @property
    def leads_to(self) -> frozenset[str]:
        """The nodes to which prod leads; not "hold", where connections wait."""
        ready = (name.partition("/") for name, state in (self.states or {}).items() if state == UP)
        return frozenset(node for pool, _, node in ready if pool == "prod" and node != "hold")


@dataclass(frozen=True)
class Usage:
    """What the clients of one node cost: CPU and elapsed time in s."""

    node: str
    cpu: float
    elapsed: float


@dataclass(frozen=True)
class LogLine:
    """A line that a program logged on a node."""

    node: str
    at: float
    program: str
    text: str


@dataclass(frozen=True)
class Facts:
    """What a node said of itself at one moment. boot: which boot it was, '' if it was off.
    processes: program -> pids; the programs are those of facts.py.
    """

    boot: str = ""
    processes: Mapping[str, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Sighting:
    """What a drill saw by asking a node after it had done something there. what: one of the drill's
    own words. number: how often.
    """

    at: float
    node: str
    what: str
    number: int = 1


@dataclass(frozen=True)
class Records:
    """All that was seen in one run; each kind in the order of time, attempts by client."""

    attempts: tuple[Attempt, ...] = ()
    roles: tuple[RoleSeen, ...] = ()
    servers: tuple[ServersSeen, ...] = ()
    usage: tuple[Usage, ...] = ()
    log: tuple[LogLine, ...] = field(default=(), repr=False)


Record = Union[Attempt, RoleSeen, ServersSeen, Usage, LogLine]


def read(line: str, node: str) -> Record | None:
    """Returns the record that a line of a program on the node holds; None if it is cut off."""
    try:
        fields: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    if "SYSLOG_IDENTIFIER" in fields:
        return _log_line(fields, node)
    kind = fields.get("kind")
    if kind in (*KINDS, *POOLED_KINDS, OPEN):
        return Attempt(**fields)
    del fields["kind"]
    if kind == "role":
        return RoleSeen(**fields)
    if kind == "servers":
        return ServersSeen(**fields)
    return Usage(**fields)


def _log_line(fields: Mapping[str, Any], node: str) -> LogLine:
    """Reads a line of `journalctl --output=json` (times in µs)."""
    stamp = fields.get("_SOURCE_REALTIME_TIMESTAMP") or fields["__REALTIME_TIMESTAMP"]
    text = fields.get("MESSAGE") or ""
    if not isinstance(text, str):  # bytes that are no UTF-8 come as a list of numbers
        text = bytes(text).decode("utf-8", "replace")
    return LogLine(node, int(stamp) / 1e6, str(fields["SYSLOG_IDENTIFIER"]), text)


def gather(records: Iterable[Record]) -> Records:
    """Sorts records by kind and time. Of two records of one attempt the first counts: the other
    says that it was still under way at the end.
    """
    found = list(records)
    attempts: dict[tuple[str, int], Attempt] = {}
    for record in found:
        if isinstance(record, Attempt):
            attempts.setdefault((record.client, record.sequence), record)
    return Records(
        tuple(sorted(attempts.values(), key=lambda a: (a.client, a.sequence))),
        tuple(sorted((r for r in found if isinstance(r, RoleSeen)), key=lambda r: r.at)),
        tuple(sorted((r for r in found if isinstance(r, ServersSeen)), key=lambda r: r.at)),
        tuple(r for r in found if isinstance(r, Usage)),
        tuple(sorted((r for r in found if isinstance(r, LogLine)), key=lambda r: r.at)),
    )
