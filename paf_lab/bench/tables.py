"""What `lab bench` shows beside its verdicts. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..display import FittedTable
from .idle import Cost
from .publish import Rate
from .rest import Rest


def publish(found: Sequence[Rate]) -> FittedTable:
    """Returns how often each can be asked, and what an answer costs."""
    heads = ("who", "what", "answers/s", "CPU per answer", "wrong", "unanswered")
    rows = [
        (each.who, each.what, f"{each.answers:.0f}", f"{each.cpu * 1e6:.0f} us",
         str(each.wrong), str(each.failed))
        for each in found
    ]  # fmt: skip
    return FittedTable(heads, rows, keys=2)


def idle(found: Sequence[Cost]) -> FittedTable:
    """Returns what routing costs a node at rest."""
    rows = [(each.who, each.what, f"{each.cpu:.1f}") for each in found]
    return FittedTable(("who", "what", "CPU s per hour"), rows)


def rest(found: Sequence[Rest]) -> FittedTable:
    """Returns what each node does at rest."""
    rows = [(each.node, f"{each.cpu:.0f}", f"{each.questions:.1f}") for each in found]
    return FittedTable(("node", "CPU s per hour", "questions/s"), rows)
