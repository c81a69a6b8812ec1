"""What got worse since another report. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

WORSE = 1.3
"""Times as long as before, from which on a span counts as worse: runs differ by less by chance."""


def worse(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[str]:
    """Yields a line for whatever passed and fails now, or takes clearly longer, drill by drill."""
    old, new = _by_drill(before), _by_drill(now)
    for drill, runs in new.items():
        if drill not in old:
            continue
        passed = {f["name"] for run in old[drill] for f in run["findings"] if f["passed"]}
        failed = {f["name"]: f for run in runs for f in run["findings"] if not f["passed"]}
        for name in sorted(passed & failed.keys()):
            finding = failed[name]
            yield f"{drill}: {name}: {finding['value']} (bar {finding['bar']}), passed before"
        for what, key in (("PostgreSQL's absence", "absence"), ("outage ratio", "ratio")):
            then, today = _spans(old[drill], key), _spans(runs, key)
            if then and today and median(today) > WORSE * median(then):
                yield f"{drill}: {what}: {median(today):.2f}, was {median(then):.2f}"
    for drill in sorted(old.keys() - new.keys()):
        yield f"{drill}: not run"


def _by_drill(report: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for run in report["runs"]:
        found.setdefault(run["drill"], []).append(run)
    return found


def _spans(runs: list[Mapping[str, Any]], key: str) -> list[float]:
    return [run["change"][key] for run in runs if run.get("change") and run["change"].get(key)]
