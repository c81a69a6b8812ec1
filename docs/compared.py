"""What `lab compare` measured, in a short table: that of README.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOTHING = "-"
SHOWN = ("switchover", "poweroff")
HEADER = "| | write outage | / PostgreSQL's absence | failed | misrouted " + (
    "| primary's node off: write outage | failed | misrouted | rows lost, in all |"
)


def table(report: Mapping[str, Any]) -> str:
    """Returns the table in Markdown. report: as `lab compare --json` writes it."""
    lines = [HEADER, "|---" * (HEADER.count("|") - 1) + "|"]
    for name, found in report["topologies"].items():
        if found["not_run"]:
            continue
        lines.append(f"| {' | '.join((f'`{name}`', *row(found['drills'])))} |")
    return "\n".join(lines) + "\n"


def row(drills: Mapping[str, Any]) -> list[str]:
    """Returns the cells of a topology: medians of times, sums of counts."""
    planned, off = (drills.get(name) for name in SHOWN)
    cells = [NOTHING] * 7
    if planned:
        cells[:4] = seconds(planned["outage"]), ratio(planned["ratio"]), *counts(planned)
    if off:
        cells[4:] = seconds(off["outage"]), *counts(off)
    lost = sum(each["lost"] for each in drills.values())
    return [*cells, f"{lost} of {sum(each['acknowledged'] for each in drills.values())}"]


def counts(found: Mapping[str, Any]) -> tuple[str, str]:
    """Returns connections that failed, and writes that were misrouted."""
    return (
        f"{found['failed']} of {found['connections']}",
        f"{found['misrouted']} of {found['writes']}",
    )


def seconds(value: float | None) -> str:
    """Returns a time for people; None never came."""
    return "never" if value is None else f"{value:.2f} s"


def ratio(value: float | None) -> str:
    """Returns a ratio for people; None: PostgreSQL was not away, or never came back."""
    return NOTHING if value is None else f"{value:.2f}"
