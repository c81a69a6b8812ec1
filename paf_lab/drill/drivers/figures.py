"""What the sessions of one driver saw in one drill. Pure; times in s of the epoch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..audits import Row


@dataclass(frozen=True)
class Transaction:
    """One transaction of a session, or its error. new: it opened a connection first."""

    session: int
    writes: bool
    number: int
    new: bool
    start: float
    end: float
    error: str | None = None
    sqlstate: str | None = None


@dataclass(frozen=True)
class Seen:
    """acknowledged: transactions. at_rest: errors before the event. errors: those since, and of
    them `refused`: attempts to connect. longest: the longest time between two transactions of a
    session, in s. texts: each error once, with how often it came. lost: acknowledged rows that are
    not in the table.
    """

    sessions: int
    acknowledged: int
    at_rest: int
    errors: int
    refused: int
    longest: float
    texts: tuple[tuple[str, int], ...]
    lost: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read(text: str) -> list[Transaction]:
    """Reads what a program has printed; a last line that was cut off is left out."""
    found = []
    for line in text.splitlines():
        try:
            found.append(Transaction(**json.loads(line)))
        except ValueError:
            continue
    return sorted(found, key=lambda each: each.end)


def seen(
    transactions: Sequence[Transaction], client: str, started: float, rows: Collection[Row]
) -> Seen:
    """Judges the transactions. started: when the event began. rows: of the table, afterwards."""
    good = [each for each in transactions if each.error is None]
    bad = [each for each in transactions if each.error is not None]
    since = [each for each in bad if each.end >= started]
    texts = Counter(said(each) for each in bad)
    return Seen(
        sessions=len({each.session for each in transactions}),
        acknowledged=len(good),
        at_rest=len(bad) - len(since),
        errors=len(since),
        refused=sum(each.new for each in since),
        longest=longest(good),
        texts=tuple(texts.most_common()),
        lost=sum(
            (f"{client}/{each.session}", each.number) not in rows for each in good if each.writes
        ),
    )


def longest(good: Iterable[Transaction]) -> float:
    """Returns the longest time between the ends of two transactions of one session."""
    last: dict[int, float] = {}
    worst = 0.0
    for each in good:
        worst = max(worst, each.end - last.get(each.session, each.end))
        last[each.session] = each.end
    return worst


def said(each: Transaction) -> str:
    """Returns the error of a transaction, with its SQLSTATE if it has one."""
    return f"{each.sqlstate}: {each.error}" if each.sqlstate else str(each.error)
