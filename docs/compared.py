"""What `lab compare` measured, in a short table: that of README.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOTHING = "-"
SHOWN = ("switchover", "poweroff")
HEADER = "| | write outage | / PostgreSQL's absence | failed | misrouted " + (
    "| primary's node off: write outage | failed | misrouted | rows lost, in all |"
)


MORE = " sum of gaps | sessions lost | primary's node off: sum of gaps | sessions lost |"
"""Of reports that have these figures."""
AHEAD = "| drill | figure | `paf-haproxy` | better |"


def table(report: Mapping[str, Any]) -> str:
    """Returns the tables in Markdown. report: as `lab compare --json` writes it. The second one has
    the figures in which another topology is better.
    """
    ran = {name: each for name, each in report["topologies"].items() if not each["not_run"]}
    more = any("service" in drill for each in ran.values() for drill in each["drills"].values())
    header = HEADER + (MORE if more else "")
    lines = [header, _line(header)]
    for name, found in ran.items():
        cells = [*row(found["drills"]), *(service_row(found["drills"]) if more else [])]
        lines.append(f"| {' | '.join((f'`{name}`', *cells))} |")
    if better := report.get("ahead"):
        lines += ["", AHEAD, _line(AHEAD)]
        lines += [f"| {' | '.join(each.values())} |" for each in better]
    return "\n".join(lines) + "\n"


def _line(header: str) -> str:
    return "|---" * (header.count("|") - 1) + "|"


def service_row(drills: Mapping[str, Any]) -> list[str]:
    """Returns the cells of MORE."""
    cells = []
    for name in SHOWN:
        found = drills.get(name, {}).get("service")
        if found is None:
            cells += [NOTHING, NOTHING]
        else:
            lost = f"{found['sessions_lost']} of {found['sessions']}"
            cells += [seconds(found["gaps"]), lost]
    return cells


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
