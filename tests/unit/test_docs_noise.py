"""The table of docs/quiet.md has the figures of results/noise.json."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import pytest

from paf_lab.layout import REPO
from tests.tools import noise as counting

sys.path.insert(0, str(REPO / "docs"))
make = importlib.import_module("make")
noise = importlib.import_module("noise")

PAGE = (REPO / "docs" / "quiet.md").read_text()
LOG = """\
line [unknown] LOG:  connection received: host=127.0.0.1 port=1
line haproxy LOG:  connection authorized: user=haproxy database=postgres
line haproxy LOG:  statement: SELECT pg_catalog.pg_is_in_recovery()
line haproxy LOG:  duration: 200.1 ms
line haproxy FATAL:  terminating connection
line app LOG:  statement: SELECT 'line haproxy'
\tand its second line
"""


def report(**counts: tuple[int, int]) -> dict[str, Any]:
    """A report of 30 s. counts: before and after, by kind, with '_' for a space."""
    named = {kind.replace("_", " "): pair for kind, pair in counts.items()}
    sides = ({kind: pair[side] for kind, pair in named.items()} for side in (0, 1))
    before, after = sides
    versions = {"PostgreSQL": "15.20", "HAProxy": "2.6.12"}
    stamp = {"date": "2026-01-02T03:04:05+00:00", "commit": "1234567"}
    measured = counting.Measured(30, 2, before, after, versions)
    return json.loads(json.dumps(counting.report(measured, stamp)))  # type: ignore[no-any-return]


def row(text: str, what: str) -> list[str]:
    """Returns the two figures of a row."""
    (line,) = [line for line in text.splitlines() if f"| {what} |" in line]
    return line.strip("| ").split(" | ")[2:]


def test_each_line_counts_once() -> None:
    found = counting.counted(LOG)
    assert {kind: found[kind] for kind in counting.KINDS} == dict.fromkeys(counting.KINDS, 1)


def test_counts_are_of_a_minute() -> None:
    made = noise.table(report(connections=(30, 15), calls=(160, 0)), "1234567, 2026-01-02")
    assert row(made, "connection received") == ["60", "30"]
    assert row(made, "calls of the role `haproxy`") == ["320", "0"]
    assert row(made, "its duration") == ["0", "0"]
    assert "PostgreSQL 15.20, HAProxy 2.6.12; 1234567, 2026-01-02:" in made
    assert "for 30 s at rest, in the log of one instance of 2 nodes" in made


def test_something_is_never_shown_as_nothing() -> None:
    assert noise.minute(1, 600) == "less than 1"
    assert noise.minute(0, 600) == "0"
    assert noise.minute(1, 60) == "1"


def test_every_kind_has_a_row() -> None:
    assert {kind for _, _, kind in noise.ROWS} == {*counting.KINDS, counting.CALLS}


def test_the_page_has_a_place_for_it() -> None:
    made = noise.written(PAGE, "THE TABLE\n")
    assert "<!-- noise -->\n\nTHE TABLE\n\n<!-- end -->" in made
    assert noise.written(made, "THE TABLE\n") == made
    with pytest.raises(ValueError, match="<!-- noise -->"):
        noise.written(PAGE.replace("<!-- noise -->", ""), "")


MEASURED = REPO / "results" / "noise.json"


@pytest.mark.skipif(not MEASURED.exists(), reason="results/noise.json has not been measured yet")
def test_the_page_is_what_was_measured() -> None:
    assert make.quiet(PAGE) == PAGE, "docs/make.py noise"
