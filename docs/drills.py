"""What several runs of `lab drill --all` come to: the table of docs/drills/README.md. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FAILED = ("refused", "failed")
LOST = "acknowledged rows lost"
COUNT = re.compile(r"(\d+) of (\d+)")
NOTHING = "-"


def table(reports: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns a row for each drill, by name. reports: as `lab drill --json` writes them."""
    runs: dict[str, list[Mapping[str, Any]]] = {}
    for report in reports:
        for run in report["runs"]:
            runs.setdefault(run["drill"], []).append(run)
    return [row(name, found) for name, found in sorted(runs.items())]


def row(name: str, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the cells of one drill over its runs."""
    changes = [run["change"] for run in runs if "change" in run]
    delays = [delay for each in changes for delay in each["route_delay"].values()]
    outcomes = [kind for run in runs for kind in run["outcomes"].values()]
    rows = [count(run, LOST) for run in runs]
    return {
        "name": name,
        "runs": len(runs),
        "passed": sum(run["passed"] for run in runs),
        # None: no node lived through it, each was rebooted.
        "outage": seconds(each["worst_outage"] for each in changes if each["worst_outage"]),
        "absence": seconds(each["absence"] for each in changes),
        "agreed": seconds(delays),
        "failed": sum(kind.get(each, 0) for kind in outcomes for each in FAILED),
        "held": sum(kind.get("held", 0) for kind in outcomes),
        "misrouted": sum(count(run, "writes sent to a standby")[0] for run in runs),
        "acknowledged": sum(acknowledged for _, acknowledged in rows),
        "lost": sum(lost for lost, _ in rows),
        "unknown": sum(sum(run["unknown_writes"].values()) for run in runs),
    }


def count(run: Mapping[str, Any], name: str) -> tuple[int, int]:
    """Returns a finding's count, and among how many. Raises ValueError if there is none."""
    for finding in run["findings"]:
        if finding["name"] == name and (found := COUNT.match(finding["value"])):
            return int(found[1]), int(found[2])
    raise ValueError(f"{run['drill']}: no count of {name}")


def seconds(values: Iterable[float | None]) -> str:
    """Returns the worst of some times for people: None never came."""
    found = list(values)
    if not found:
        return NOTHING
    return "never" if None in found else f"{max(each for each in found if each is not None):.2f} s"
