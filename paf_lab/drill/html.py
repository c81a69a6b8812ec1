"""The report as one self-contained page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from . import figures, picture
from .audits import Finding
from .verdict import Run

TEMPLATE = Path(__file__).with_name("report.html.j2")


def page(
    title: str, runs: Sequence[Run], findings: Sequence[Finding], result: Mapping[str, Any]
) -> str:
    """Returns the page; result: the figures as they go into the JSON beside it."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(TEMPLATE.read_text())
    return template.render(
        title=title,
        runs=[_run(run, figures_of) for run, figures_of in zip(runs, result["runs"])],
        findings=findings,
        result=result,
        colours=picture.COLOURS,
    )


def _run(run: Run, json: Mapping[str, Any]) -> dict[str, Any]:
    attempts = run.evidence.seen.attempts
    counts = figures.outcomes(attempts)
    total: dict[str, int] = {}
    for each in counts.values():
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return {
        "drill": run.drill,
        "number": run.number,
        "passed": run.passed,
        "findings": run.findings,
        "path": f"{run.evidence.primary} → {run.evidence.expected}",
        "took": run.evidence.settled - run.evidence.started,
        "change": json.get("change"),
        "unknown": json["unknown_writes"],
        "total": total,
        "picture": picture.svg(run),
        "events": run.events,
        "started": run.evidence.started,
    }
