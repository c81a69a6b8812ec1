"""docs/drivers.py: the page of the drivers, also with drivers and events that were not run."""

from __future__ import annotations

import copy
import importlib.util
import json
from types import ModuleType
from typing import Any

import jinja2
import pytest

from paf_lab.layout import REPO

DOCS = REPO / "docs"


@pytest.fixture(scope="module")
def drivers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_drivers", DOCS / "drivers.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def report() -> dict[str, Any]:
    """Returns the figures of psycopg 3 alone."""
    found: dict[str, Any] = json.loads((REPO / "results" / "drivers.json").read_text())
    for event in found["events"]:
        event["rows"] = [row for row in event["rows"] if row["name"] == "psycopg 3"]
    return found


def page(drivers: ModuleType, report: dict[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DOCS / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("drivers.md.j2").render(**drivers.page(report))


def with_pgx(report: dict[str, Any], *events: str) -> dict[str, Any]:
    """Adds the figures of pgx to these events."""
    found = copy.deepcopy(report)
    for event in found["events"]:
        if event["event"] in events:
            event["rows"].append({**event["rows"][0], "name": "pgx", "errors": 7})
    return found


def test_a_driver_without_figures_is_not_named(drivers: ModuleType, report: dict[str, Any]) -> None:
    text = page(drivers, report)
    assert "| psycopg 3 |" in text
    assert "pgx" not in text and "node-postgres" not in text


def test_a_new_driver_has_its_rows_and_its_settings(
    drivers: ModuleType, report: dict[str, Any]
) -> None:
    found = with_pgx(report, "switchover", "crash", "power-off")
    found["versions"]["golang-github-jackc-pgx-v4-dev"] = "4.15.0-4"
    found["gives_up_after"]["pgx"] = None
    text = page(drivers, found)
    assert "| pgx | defaults | direct | 0 | 7 |" in text
    assert "golang-github-jackc-pgx-v4-dev 4.15.0-4" in text
    assert "`statement_cache_mode=describe`" in text
    (told,) = (line for line in text.splitlines() if line.startswith("- Other drivers"))
    assert told.endswith("pgx: still waits after 12 s.") and "pgjdbc" not in told


def test_an_event_without_a_driver_keeps_the_rows_of_the_others(
    drivers: ModuleType, report: dict[str, Any]
) -> None:
    found = with_pgx(report, "crash", "power-off")
    for event in found["events"]:
        event["rows"].reverse()  # the order differs from event to event
    found["events"][0]["rows"].reverse()
    rows = drivers.page(found)["rows"]
    (pgx,) = (row for row in rows if row["name"] == "pgx")
    assert [cell[0] for cell in pgx["cells"]] == ["not run", 7, 7]
    first = report["events"][1]["rows"][0]
    (plain,) = (
        row for row in rows
        if all(row[name] == first[name] for name in ("name", "settings", "route"))
    )  # fmt: skip
    assert plain["cells"][1][0] == first["errors"]
    assert page(drivers, found).count("| not run |") == 1
