"""The page of mistakes and local faults shows the figures of the report, bad ones too."""

from __future__ import annotations

import dataclasses
from typing import Any

from paf_lab.drill.blast import judge, perform
from paf_lab.drill.blast.cli import document
from paf_lab.layout import REPO
from tests.unit.blast_world import FAULT, KILL, PHASES, VICTIM, WRONG, course, spoilt
from tests.unit.test_docs import made
from tests.unit.test_docs_drills import load

blast = load("blast")
MEASURED = REPO / "results"


def report(*outcomes: judge.Outcome) -> dict[str, Any]:
    return document(
        {"rows": []}, outcomes, {"haproxy": "2.6"}, {"commit": "4c0ffee", "date": "2026-01-02"}
    )


def test_good_rows() -> None:
    page = blast.page(report(judge.judge(WRONG, course()), judge.judge(FAULT, course())), None)
    assert page["passed"] == len(page["rows"]) == 2
    assert [row["times"] for row in page["rows"]] == ["1.0 s, 5.0 s"] * 2
    assert page["before"] == {}
    assert page["commits"] == ["4c0ffee"]


def test_bad_rows() -> None:
    never = [dataclasses.replace(p, returned=False) if p is KILL else p for p in PHASES]
    outcomes = (
        judge.judge(WRONG, course(phases=never)),
        judge.judge(FAULT, course(attempts=spoilt("srv1", 112.0, 112.05))),
    )
    page = blast.page(report(*outcomes), report(*outcomes, judge.judge(FAULT, course(helped=True))))
    assert page["passed"] == 0
    assert page["rows"][0]["times"] == "never, 5.0 s"
    assert page["before"] == {
        "hold": f"{VICTIM} lost service, 0 failed elsewhere",
        "template": "whole again only after crm_resource --cleanup",
    }


def test_the_limits_are_those_of_the_command() -> None:
    assert blast.LIMITS == {
        "whole": perform.WHOLE_WITHIN,
        "silent": judge.SILENT,
        "back": perform.BACK_WITHIN,
        "started": perform.STARTED_WITHIN,
    }


def test_the_page_is_what_was_measured() -> None:
    text = (REPO / "docs" / "drills" / "blast.md").read_text()
    assert text == made("blast"), "make docs"
    assert text.count("\n| ") > 25
