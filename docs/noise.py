"""The table of docs/quiet.md: what the health checks leave in PostgreSQL's log. Pure.

results/noise.json is what tests/func/test_noise.py wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PART = re.compile(r"^<!-- noise -->\n.*?^<!-- end -->$", re.MULTILINE | re.DOTALL)
COMMAND = (
    "NOISE_WINDOW={:g} NOISE_JSON=results/noise.json .venv/bin/pytest tests/func/test_noise.py"
)
ROWS = (
    ("`log_connections=on`", "connection received", "connections"),
    ("`log_connections=on`", "connection authorized, for `haproxy`", "logins of haproxy"),
    ("`log_statement=all`", "the question for the role", "statements of haproxy"),
    ("`log_min_duration_statement=0`", "its duration", "durations of haproxy"),
    ("all of these", "other lines of `haproxy`", "other lines of haproxy"),
    ("`pg_stat_statements`", "calls of the role `haproxy`", "calls"),
)
"""Setting, what is logged, and the kind of line in the report (tests/tools/noise.py)."""


def table(report: Mapping[str, Any], when: str) -> str:
    """Returns the sentence and the table, in Markdown, of counts per minute.

    when: commit and day. Raises KeyError if the report lacks a kind.
    """
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    lines = [
        f"Measured for {report['window']:g} s at rest, in the log of one instance of"
        f" {report['nodes']} nodes; {versions}; {when}:",
        "",
        f"    {COMMAND.format(report['window'])}",
        "",
        "| setting | what is logged | a minute | a minute, after the commands below |",
        "|---|---|---|---|",
    ]
    for setting, what, kind in ROWS:
        counts = report["kinds"][kind]
        before, after = (minute(counts[which], report["window"]) for which in ("before", "after"))
        lines.append(f"| {setting} | {what} | {before} | {after} |")
    return "\n".join(lines) + "\n"


def minute(count: int, window: float) -> str:
    """Returns a count per minute: one that is above 0 is never shown as 0."""
    rate = 60 * count / window
    return "less than 1" if 0 < rate < 1 else f"{rate:.0f}"


def written(text: str, made: str) -> str:
    """Returns docs/quiet.md with its table. Raises ValueError if it has no place for it."""
    if len(PART.findall(text)) != 1:
        raise ValueError("docs/quiet.md needs one <!-- noise --> with an <!-- end -->")
    return PART.sub(lambda _: f"<!-- noise -->\n\n{made}\n<!-- end -->", text)
