"""The table of docs/drills/blast.md, from what `lab drill blast` wrote. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LIMITS = {"whole": 60, "silent": 5, "back": 10, "started": 15}
"""Seconds, as in paf_lab/drill/blast."""


def page(report: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns what the page shows. before: the report of an earlier agent, or None."""
    rows = [{**row, "times": times(row["back"])} for row in report["rows"]]
    return {
        "rows": rows,
        "date": report["date"][:10],
        "commits": sorted({row["commit"] for row in rows}),
        "passed": sum(row["passed"] for row in rows),
        "versions": report["versions"],
        "before": {row["name"]: cell(row) for row in before["rows"]} if before else {},
        "before_date": before["date"][:10] if before else "",
        **LIMITS,
    }


def times(back: Mapping[str, float | None]) -> str:
    """Returns how long it took HAProxy to be back after each phase, e.g. '0.3 s, 2.9 s'."""
    return ", ".join("never" if each is None else f"{each:.1f} s" for each in back.values())


def cell(row: Mapping[str, Any]) -> str:
    """Returns what a row cost an earlier agent, in a few words."""
    if row["passed"]:
        return "passed"
    lost = " ".join(row["lost"])
    cost = f"{lost} lost service, {row['elsewhere']} failed elsewhere" if lost else ""
    return cost or "; ".join(row["broken"])
