"""What `paf-haproxy switchover` tells: lines of 80 columns, or JSON."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass, field

from . import readiness
from .readiness import NOTE, REFUSED, Check

DONE, REFUSAL, INCOMPLETE = range(3)
WIDTH = 79  # columns


@dataclass
class Report:
    """What --json prints. nodes: those that were asked. unused: the last segment of WAL on the
    candidate that was never used. leave: the last one that the primary must have left before the
    checkpoints. outage: s without a server in prod, on this node. sessions: those
    through PgBouncer that went on, on all nodes; None without PgBouncer.
    """

    primary: str = ""
    candidate: str = ""
    nodes: tuple[str, ...] = ()
    checks: list[Check] = field(default_factory=list)
    unused: str = ""
    leave: str = ""
    moved: bool = False
    outage: float | None = None
    held: int = 0
    sessions: int | None = None
    seconds: float | None = None

    def code(self, dry_run: bool, force: bool) -> int:
        if readiness.refused(self.checks) and not force:
            return REFUSAL
        return DONE if dry_run or self.moved else INCOMPLETE


def line(check: Check) -> str:
    mark = {NOTE: "note", REFUSED: "REFUSED"}.get(check.outcome, "ok")
    text = f"  {mark:8}{check.name:13}{check.text}"
    return f"{text}\n{'':10}do: {check.do}" if check.outcome == REFUSED else text


def _wrap(text: str) -> str:
    """Returns a line as one or more of WIDTH columns; those after the first are indented."""
    indent = " " * (len(text) - len(text.lstrip()) + 4)
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def say(text: str) -> None:
    sys.stdout.write("".join(f"{_wrap(line)}\n" for line in text.split("\n")))
    sys.stdout.flush()


def silent(text: str) -> None:
    pass
