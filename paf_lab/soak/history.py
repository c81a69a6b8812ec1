"""What the clients of a round did and were told, and the rows of the table after it.

Times are s of the host's monotonic clock, which all nodes of the lab share.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

WRITE, READ, STANDBY_READ = "write", "read", "standby-read"
"""Kinds of operations: an INSERT through prod, and reads of a counter through prod and stdby."""
ACK = "ack"
READ_ONLY = "read-only"
"""Outcome of a write that the server refused because it is a standby."""
UNKNOWN = "unknown"
"""The session ended before the answer: the row may be there."""
FAILED, REFUSED = "failed", "refused"
"""The server refused the statement, or there was no session: no row may be there."""
LIFE = 1_000_000
"""A client that is started again begins to count at the next multiple of this."""
LOGS, ROWS = "*.soak.jsonl", "rows.tsv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One attempt of a client, with the answer.

    client: NODE/KIND. session: how many sessions the client has opened. counter: the client whose
    greatest sequence was read; value: that sequence, or the value that was written. server: its
    address. recovery: pg_is_in_recovery(). timeline, lsn: of a write, before its commit; lsn in
    bytes.
    """

    kind: str
    client: str
    session: int
    sequence: int
    start: float
    end: float
    outcome: str
    value: int
    counter: str = ""
    server: str | None = None
    recovery: bool | None = None
    timeline: int = 0
    lsn: int = 0
    error: str = ""

    def __str__(self) -> str:
        return f"{self.client} #{self.sequence} on {self.server} at {self.start:.3f}"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: which client wrote it, with which sequence and value."""

    client: str
    sequence: int
    value: int


@dataclass(frozen=True, slots=True)
class Total:
    """All rows of a round: their number, and the sum of their values."""

    rows: int
    values: int


@dataclass(frozen=True)
class History:
    """operations: in the order of their start. rows: of the table, in any order; None if it could
    not be read.
    """

    operations: tuple[Operation, ...]
    rows: tuple[Row, ...] | None

    def of(self, kind: str, outcome: str | None = None) -> Iterator[Operation]:
        """Yields the operations of a kind, with one outcome if it is given."""
        for each in self.operations:
            if each.kind == kind and outcome in (None, each.outcome):
                yield each


def read(directory: Path) -> tuple[Operation, ...]:
    """Returns what the logs of a directory tell, in the order of the operations' start."""
    files = sorted(directory.glob(LOGS))
    found = (_operation(line) for file in files for line in file.open(errors="replace"))
    return tuple(sorted((each for each in found if each), key=lambda each: each.start))


def keep(rows: Iterable[Row], directory: Path) -> None:
    """Writes the rows beside the logs, so that a round can be judged again."""
    lines = (f"{row.client}\t{row.sequence}\t{row.value}\n" for row in rows)
    (directory / ROWS).write_text("".join(lines))


def _operation(line: str) -> Operation | None:
    """Reads one line; None if a client was killed while it wrote the line."""
    try:
        fields: Mapping[str, object] = json.loads(line)
        return Operation(**fields)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None
