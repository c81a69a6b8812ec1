"""The tables of docs/failures say what the reports say, and they can say bad things."""

from __future__ import annotations

import copy
import importlib
import json
import sys
from types import ModuleType
from typing import Any

import pytest

from paf_lab.layout import REPO

REPORT: dict[str, Any] = json.loads((REPO / "results" / "switchover.json").read_text())
CRASH: dict[str, Any] = json.loads((REPO / "results" / "kill-postgres.json").read_text())
PAGE = """# Title

<!-- drills: switchover kill-postgres -->
old
<!-- end -->

The rest.
"""


@pytest.fixture(scope="module")
def failures() -> ModuleType:
    sys.path.insert(0, str(REPO / "docs"))
    try:
        return importlib.import_module("failures")
    finally:
        sys.path.remove(str(REPO / "docs"))


def rows(text: str) -> dict[str, list[str]]:
    """Returns the cells of a table's rows by their first."""
    found = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in found}


def test_a_page_is_written_between_its_markers(failures: ModuleType) -> None:
    made = failures.written(PAGE, [REPORT, CRASH])
    assert made.startswith("# Title\n\n<!-- drills: switchover kill-postgres -->\n\n| drill |")
    assert made.endswith("<!-- end -->\n\nThe rest.\n")
    assert "old" not in made
    assert list(rows(made)) == ["drill", "switchover", "kill-postgres"]
    assert failures.written(made, [REPORT, CRASH]) == made
    assert failures.names(made) == ["switchover", "kill-postgres"]
    assert "2 runs of `lab drill --all`" in made


def test_a_drill_that_no_report_has(failures: ModuleType) -> None:
    for reports in ([], [REPORT]):
        cells = rows(failures.written(PAGE, reports))["kill-postgres"]
        assert cells[0] == "not measured"
        assert set(cells[1:]) == {"-"}


def test_an_outage_without_a_change_of_primary(failures: ModuleType) -> None:
    values = [
        float(finding["value"].removesuffix(" s"))
        for run in CRASH["runs"]
        for finding in run["findings"]
        if finding["name"] == "longest without a write"
    ]
    _, outage, absence, *_ = rows(failures.table(["kill-postgres"], [CRASH]))["kill-postgres"]
    assert (outage, absence) == (f"{max(values):.2f} s", "-")
    bad = copy.deepcopy(CRASH)
    for finding in bad["runs"][0]["findings"]:
        if finding["name"] == "longest without a write":
            finding["value"] = "inf s"
    assert rows(failures.table(["kill-postgres"], [bad]))["kill-postgres"][1] == "never"


def test_sessions_through_pgbouncer_have_a_column_if_a_report_has_them(
    failures: ModuleType,
) -> None:
    more = copy.deepcopy(REPORT)
    for run in more["runs"]:
        run["findings"] = [each for each in run["findings"] if each["name"] != failures.POOLED]
    assert "PgBouncer" not in failures.table(["switchover"], [more])
    for run in more["runs"][:2]:
        finding = {"name": failures.POOLED, "passed": False, "value": "1 of 200", "bar": "0"}
        run["findings"].append(finding)
    made = rows(failures.table(["switchover", "ban"], [more]))
    assert made["drill"][-1] == "sessions through PgBouncer that failed"
    assert made["switchover"][-1] == "2 of 400"
    assert made["ban"][-1] == "-"


def test_bad_runs(failures: ModuleType) -> None:
    bad = copy.deepcopy(REPORT)
    run = bad["runs"][0]
    run["passed"] = False
    run["outcomes"]["connecting"]["refused"] = 7
    for finding in run["findings"]:
        if finding["name"] in ("writes sent to a standby", "acknowledged rows lost"):
            finding["value"] = finding["value"].replace("0 of", "3 of")
    before, after = (
        rows(failures.table(["switchover"], [each]))["switchover"] for each in (REPORT, bad)
    )
    total = len(REPORT["runs"])
    assert (before[0], after[0]) == (f"{total} of {total}", f"{total - 1} of {total}")
    assert (before[3], after[3]) == ("0", "7")
    assert (before[5], after[5]) == ("0", "3")
    assert after[6] == before[6].replace("0 of", "3 of")


@pytest.mark.parametrize("text", [PAGE.replace("<!-- end -->", ""), PAGE.replace(" -->\nold", "")])
def test_a_marker_without_its_end(failures: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match="not every"):
        failures.written(text, [])


def test_where_the_time_goes(failures: ModuleType) -> None:
    runs = [
        {"drill": "poweroff", "phases": {"noticed": n, "fenced": 1, "elected": 2, "promoted": 0.5}}
        for n in (7.0, 8.0, 30.0)
    ]
    text = failures.phases(["poweroff"], [{"runs": [*runs, {"drill": "isolate"}]}])
    assert "| poweroff | 8.00 s | 1.00 s | 2.00 s | 0.50 s | 3 |" in text
    with pytest.raises(ValueError, match="no phases of isolate"):
        failures.phases(["isolate"], [{"runs": [{"drill": "isolate", "phases": {}}]}])
    page = failures.written("<!-- phases: poweroff -->\n<!-- end -->\n", [{"runs": runs}])
    assert "8.00 s" in page
