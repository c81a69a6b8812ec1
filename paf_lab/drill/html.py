"""The report as one self-contained page, whose timelines can be zoomed."""

from __future__ import annotations

import base64
import gzip
import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from ..errors import LabError
from . import audits, plot, records
from .lanes import lanes
from .plot import Figure
from .records import Record, Records

TEMPLATE = Path(__file__).with_name("report.html.j2")
FIGURES = re.compile(r'<script type="application/gzip" id="figures">(.*?)</script>', re.DOTALL)


def check() -> None:
    """Raises LabError if the page cannot be made: better before the drills than after."""
    if importlib.util.find_spec("plotly") is None:
        raise LabError("plotly is not there: make setup, or pip install -e '.[lab]'")


def page(result: Mapping[str, Any], seen: Sequence[Records]) -> str:
    """Returns the page. result: the figures of all runs, with their timelines. seen: what was seen
    in each run.
    """
    from plotly.offline import get_plotlyjs  # 0.5 s

    figures = [plot.figure(lanes(run, records)) for run, records in zip(result["runs"], seen)]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(TEMPLATE.read_text()).render(
        result=result,
        runs=[_run(run, drawn) for run, drawn in zip(result["runs"], figures)],
        figures=packed(json.dumps(figures, separators=(",", ":"))),
        plotly=packed(get_plotlyjs()),
    )


def packed(text: str) -> str:
    """Returns the text compressed, in Base64: plotly.js as it is would be 5 MB of every page."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def figures_of(page: str) -> list[Figure]:
    """Returns the figures of a page. Raises ValueError if it has none."""
    found = FIGURES.search(page)
    if found is None:
        raise ValueError("the page has no figures")
    figures: list[Figure] = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return figures


def read_records(directory: Path) -> Records:
    """Reads the records of a run from its directory. The log is left out: the report has its lines
    as events.
    """
    found: list[Record] = []
    for file in sorted(directory.glob("*.jsonl")):
        node, _, program = file.stem.partition(".")
        if program != "journal":
            with file.open(errors="replace") as lines:
                found += filter(None, (records.read(line, node) for line in lines))
    return records.gather(found)


def _run(run: Mapping[str, Any], drawn: Figure) -> dict[str, Any]:
    total: dict[str, int] = {}
    for each in run["outcomes"].values():
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    whole = next(each for each in run["findings"] if each["name"] == audits.WHOLE)
    return {
        **run,
        "change": run.get("change"),
        "path": f"{run['primary_before']} → {run['primary_expected']}",
        "whole": whole["value"].removeprefix("after ") if whole["passed"] else "no",
        "total": total,
        "height": drawn["layout"]["height"],
    }
