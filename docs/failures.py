"""The tables of docs/failures: what each failure costs. Pure."""

from __future__ import annotations

import math
import re
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import drills

PART = re.compile(
    r"^<!-- (?P<what>drills|phases): (?P<names>[a-z0-9 -]+) -->\n(?P<old>.*?)^<!-- end -->$",
    re.MULTILINE | re.DOTALL,
)
BEGIN = re.compile("^<!-- (?:drills|phases):", re.MULTILINE)
POOLED = "errors of sessions through PgBouncer"
IN_PLACE = "longest without a write"
"""A finding of drills in which the primary stays on its node."""
COLUMNS = {
    "drill": "name",
    "passed": "passed",
    "write outage": "outage",
    "PostgreSQL away": "absence",
    "new connections failed": "failed",
    "held": "held",
    "writes misrouted": "misrouted",
    "rows lost": "lost",
    "sessions through PgBouncer that failed": "pooled",
}
NOT_MEASURED = "not measured"


def names(text: str) -> list[str]:
    """Returns the drills that a page names, in their order."""
    return [name for part in PART.finditer(text) for name in part["names"].split()]


def written(text: str, reports: Sequence[Mapping[str, Any]]) -> str:
    """Returns a page with each of its tables made of these reports.

    reports: as `lab drill --json` writes them. Raises ValueError if a table has no end.
    """
    if len(BEGIN.findall(text)) != len(PART.findall(text)):
        raise ValueError("not every <!-- drills: has its -->, a line end and <!-- end -->")

    def part(found: re.Match[str]) -> str:
        kinds = {"drills": table, "phases": phases}
        made = kinds[found["what"]](found["names"].split(), reports)
        return f"<!-- {found['what']}: {found['names']} -->\n\n{made}\n<!-- end -->"

    return PART.sub(part, text)


def table(wanted: Sequence[str], reports: Sequence[Mapping[str, Any]]) -> str:
    """Returns the table of some drills in Markdown, and what it was made of."""
    runs = [run for report in reports for run in report["runs"] if run["drill"] in wanted]
    rows = {row["name"]: cells(row, runs) for row in drills.table([{"runs": runs}])}
    pooled = any(row["pooled"] != drills.NOTHING for row in rows.values())
    shown = {title: key for title, key in COLUMNS.items() if key != "pooled" or pooled}
    lines = [f"| {' | '.join(shown)} |", "|---" * len(shown) + "|"]
    for name in wanted:
        row = rows.get(name) or {"name": name, "passed": NOT_MEASURED}
        lines.append(f"| {' | '.join(row.get(key, drills.NOTHING) for key in shown.values())} |")
    days = sorted({time.strftime("%F", time.gmtime(run["started"])) for run in runs})
    began = f", {' to '.join(dict.fromkeys((days[0], days[-1])))}" if days else ""
    source = f"{len(reports)} run{'s' * (len(reports) != 1)} of `lab drill --all`{began}."
    return "\n".join([*lines, "", f"{source} [README.md](README.md#the-tables) explains it.", ""])


def phases(wanted: Sequence[str], reports: Sequence[Mapping[str, Any]]) -> str:
    """Returns the table of how long each phase of some drills took, in Markdown: median of all
    runs. Raises ValueError if a drill has no run with phases.
    """
    heads: list[str] = []
    rows = []
    for name in wanted:
        runs = [run for report in reports for run in report["runs"] if run["drill"] == name]
        found = [run["phases"] for run in runs if run.get("phases")]
        if not found:
            raise ValueError(f"results/drills has no phases of {name}")
        heads = list(found[0])
        spans = [f"{statistics.median(each[head] for each in found):.2f} s" for head in heads]
        rows.append([name, *spans, str(len(found))])
    lines = [["drill", *heads, "runs"], ["---"] * (len(heads) + 2), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def cells(row: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Returns the cells of a row of drills.table, as text. runs: those of that drill and others."""
    own = [run for run in runs if run["drill"] == row["name"]]
    return {
        "name": row["name"],
        "passed": f"{row['passed']} of {row['runs']}",
        "outage": row["outage"] if row["outage"] != drills.NOTHING else in_place(own),
        "absence": row["absence"],
        "failed": str(row["failed"]),
        "held": str(row["held"]),
        "misrouted": str(row["misrouted"]),
        "lost": f"{row['lost']} of {row['acknowledged']}",
        "pooled": pooled_errors(own),
    }


def values(runs: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """Returns the values of a finding in all runs that have it."""
    return [each["value"] for run in runs for each in run["findings"] if each["name"] == name]


def in_place(runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns the longest time without a write, if the drill looks for it, e.g. '3.01 s'."""
    found = [float(each.removesuffix(" s")) for each in values(runs, IN_PLACE)]
    return drills.seconds(each if math.isfinite(each) else None for each in found)


def pooled_errors(runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns how many transactions through PgBouncer failed, and of how many."""
    counts = [drills.COUNT.match(value) for value in values(runs, POOLED)]
    found = [(int(each[1]), int(each[2])) for each in counts if each]
    if not found:
        return drills.NOTHING
    return f"{sum(failed for failed, _ in found)} of {sum(total for _, total in found)}"
