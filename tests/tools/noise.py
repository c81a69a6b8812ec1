"""What HAProxy's checks leave in PostgreSQL's log: lines by kind, and the report of a measurement.

Pure. docs/noise.py makes the table of docs/quiet.md from the report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "line %u "
"""log_line_prefix of an instance whose lines are counted: %u is the user."""
KINDS = {
    "connections": "connection received",
    "logins of haproxy": "line haproxy LOG:  connection authorized",
    "statements of haproxy": "line haproxy LOG:  statement",
    "durations of haproxy": "line haproxy LOG:  duration",
    "other lines of haproxy": "line haproxy ",
}
"""Kinds of lines, and what a line of each contains; a line is of the first kind that fits."""
CALLS = "calls"
"""Calls of the role haproxy in pg_stat_statements, which are counted as a further kind."""


@dataclass(frozen=True)
class Measured:
    """Counts by kind within a window. window: s. nodes: HAProxys that check. before, after: the
    commands of docs/quiet.md. versions: of programs, by name.
    """

    window: float
    nodes: int
    before: Mapping[str, int]
    after: Mapping[str, int]
    versions: Mapping[str, str]


def counted(text: str) -> Counter[str]:
    """Returns how many lines of each kind are in a part of PostgreSQL's log."""
    found: Counter[str] = Counter()
    for line in text.splitlines():
        kind = next((kind for kind, part in KINDS.items() if part in line), "")
        found[kind] += bool(kind)
    return found


def report(measured: Measured, stamp: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what results/noise.json has. stamp: date and commit (paf_lab/provenance.py)."""
    return {
        "bench": "noise",
        **stamp,
        "versions": dict(measured.versions),
        "window": measured.window,
        "nodes": measured.nodes,
        "kinds": {
            kind: {"before": measured.before.get(kind, 0), "after": measured.after.get(kind, 0)}
            for kind in (*KINDS, CALLS)
        },
    }
