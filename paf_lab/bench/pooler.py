"""What the agent's control of PgBouncer costs a switchover, and what it saves."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..drill import pgbouncer
from ..drill.audits import Finding
from ..drill.figures import median
from ..drill.service import POOLED_ERRORS
from ..drill.verdict import OUTAGE
from ..errors import LabError
from ..node import NODES
from ..shell import run

WITH, WITHOUT = "with", "without"
MORE = 0.15
"""s that the write outage may be longer with it, in the median."""
MOST = 600  # s for one drill

Drill = Callable[[], Mapping[str, Any]]
"""Runs `lab drill switchover`, and returns its report."""


@dataclass(frozen=True)
class Turn:
    """which: WITH or WITHOUT. outage: s without writes, of the worst client. errors: of sessions
    through PgBouncer.
    """

    which: str
    outage: float
    errors: int


def measure(turns: int, drill: Drill, tell: Callable[[str], None]) -> list[Turn]:
    """Runs the drill with the parameter `pooler` and without it, in turn. Which is first
    alternates. The parameter is set at the end.
    """
    found = []
    try:
        for turn in range(turns):
            for which in (WITH, WITHOUT) if turn % 2 == 0 else (WITHOUT, WITH):
                set_pooler(which == WITH)
                found.append(read(which, drill()))
                tell(
                    f"turn {turn + 1}, {which}: {found[-1].outage:.3f} s, {found[-1].errors} errors"
                )
    finally:
        set_pooler(True)
    return found


def set_pooler(there: bool) -> None:
    pgbouncer.follow(NODES[0], "haproxy", there)


def read(which: str, report: Mapping[str, Any]) -> Turn:
    """Returns what a report says. Pure. Raises LabError if it has no sessions through PgBouncer."""
    (ran,) = report["runs"]
    values = [each["value"] for each in ran["findings"] if each["name"] == POOLED_ERRORS]
    if not values:
        raise LabError("the drill had no sessions through PgBouncer")
    return Turn(which, report["spans"][OUTAGE][0], int(values[0].split()[0]))


def drill_switchover() -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "report.json"
        words = [sys.argv[0], "drill", "switchover", "--json", str(file)]
        done = run(words, timeout=MOST, check=False)  # without the pooler it fails
        if not file.exists():
            raise LabError(f"the drill wrote no report: {(done.stderr or done.stdout)[-400:]}")
        told: Mapping[str, Any] = json.loads(file.read_text())
        return told


def judge(found: Sequence[Turn]) -> list[Finding]:
    """Returns the verdict. Pure."""
    by = {which: [each for each in found if each.which == which] for which in (WITH, WITHOUT)}
    outages = {which: median([each.outage for each in turns]) for which, turns in by.items()}
    more = outages[WITH] - outages[WITHOUT]
    errors = {which: sum(each.errors for each in turns) for which, turns in by.items()}
    detail = f"median {outages[WITHOUT]:.3f} -> {outages[WITH]:.3f} s, of {len(by[WITH])} each"
    return [
        Finding("write outage with PgBouncer's control, more", more <= MORE, f"{more:.3f} s",
                f"{MORE:g} s", detail),
        Finding("errors of sessions with it", errors[WITH] == 0, str(errors[WITH]), "0"),
        Finding("errors of sessions without it", errors[WITHOUT] > 0, str(errors[WITHOUT]), "some",
                "else the sessions show nothing"),
    ]  # fmt: skip


def as_json(found: Sequence[Turn]) -> dict[str, Any]:
    return {"turns": [asdict(each) for each in found]}
