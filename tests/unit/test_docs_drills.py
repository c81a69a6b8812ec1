"""The page of the drills says what the reports say, and it can say bad things."""

from __future__ import annotations

import copy
import importlib.util
import json
from types import ModuleType
from typing import Any

import pytest

from paf_lab.layout import REPO


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, REPO / "docs" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


drills = load("drills")
REPORT: dict[str, Any] = json.loads((REPO / "results" / "switchover.json").read_text())


def test_good_runs() -> None:
    (row,) = drills.table([REPORT, REPORT])
    runs = REPORT["runs"]
    assert row["name"] == "switchover" and row["runs"] == row["passed"] == 2 * len(runs)
    worst = max(run["change"]["worst_outage"] for run in runs)
    assert row["outage"] == f"{worst:.2f} s"
    assert (row["failed"], row["misrouted"], row["lost"]) == (0, 0, 0)
    assert row["acknowledged"] > 1000 * row["runs"] / 2
    assert row["held"] > 0


@pytest.mark.parametrize("column", ["passed", "failed", "misrouted", "lost"])
def test_bad_ones(column: str) -> None:
    (before,) = drills.table([REPORT])
    bad = copy.deepcopy(REPORT)
    run = bad["runs"][3]
    by_name = {each["name"]: each for each in run["findings"]}
    if column == "passed":
        run["passed"] = False
    elif column == "failed":
        run["outcomes"]["connecting"]["refused"] = 1
    else:
        name = "writes sent to a standby" if column == "misrouted" else "acknowledged rows lost"
        by_name[name]["value"] = by_name[name]["value"].replace("0 of", "1 of")
    (after,) = drills.table([bad])
    assert {name for name in after if after[name] != before[name]} == {column}


def test_a_service_that_never_came_back() -> None:
    bad = copy.deepcopy(REPORT)
    bad["runs"][0]["change"]["route_delay"]["srv1"] = None
    (row,) = drills.table([bad])
    assert row["agreed"] == "never"


def test_a_report_that_does_not_count() -> None:
    bad = copy.deepcopy(REPORT)
    bad["runs"][0]["findings"] = []
    with pytest.raises(ValueError, match="switchover: no count of"):
        drills.table([bad])
