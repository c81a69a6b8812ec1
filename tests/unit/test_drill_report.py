"""What stands in the report of a series, and what another report is compared with."""

from __future__ import annotations

import copy
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

from paf_lab.drill import compare, html, picture, series, verdict
from paf_lab.drill.faults import DRILLS, SHORT, faults_named
from paf_lab.drill.faults.switchover import Switchover
from paf_lab.drill.records import REFUSED
from paf_lab.drill.settings import Bars
from paf_lab.drill.timeline import Event
from paf_lab.drill.verdict import Run
from tests.unit.drill_world import OUT_OF_RECOVERY, STARTED, good, spoil

SVG = "{http://www.w3.org/2000/svg}"


def run() -> Run:
    evidence = spoil(good(), "srv2/reader", STARTED, outcome=REFUSED, error="<no> & 'why'")
    events = (Event(STARTED + 0.5, "srv1", "agent", "pre-demote: <srv1>"),)
    return Run("switchover", 1, evidence, tuple(Switchover().judge(evidence)), events)


def figures(*runs: Run) -> dict[str, Any]:
    return {
        "date": "2026-11-23",
        "passed": False,
        "versions": {"haproxy": "2.6"},
        "runs": [json.loads(json.dumps(verdict.as_json(each))) for each in runs],
    }


def test_the_picture_has_a_row_for_everyone() -> None:
    element = ET.fromstring(picture.svg(run()))
    rows = [text.text for text in element.iter(f"{SVG}text")]
    for name in ("agent", "PostgreSQL srv1", "prod of srv3", "srv1/connecting", "srv3/reader"):
        assert name in rows
    titles = [title.text or "" for title in element.iter(f"{SVG}title")]
    assert any("refused" in text and "<no> & 'why'" in text for text in titles)
    assert any("held" in text for text in titles), "those who waited are shown"
    assert "srv1 pre-demote: <srv1>" in titles


def test_who_was_refused_is_red_and_at_the_right_place() -> None:
    element = ET.fromstring(picture.svg(run()))
    red = [each for each in element.iter(f"{SVG}rect") if each.get("fill") == "#d62728"]
    assert len(red) == 1
    x = float(red[0].get("x", "0"))
    span = good().settled - STARTED + picture.BEFORE + picture.AFTER
    at_event = picture.LEFT + picture.BEFORE / span * picture.WIDTH
    assert at_event - 0.1 <= x < at_event + 0.3 / span * picture.WIDTH


def test_the_page_is_whole_and_escapes() -> None:
    runs = [run(), run()]
    page = html.page("all", runs, verdict.overall(runs, 2, Bars()), figures(*runs))
    assert re.findall(r'id="(run-\d)"', page) == ["run-1", "run-2"]
    assert "<no>" not in page and "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert page.count("FAIL") >= 2


def test_what_got_worse_is_named() -> None:
    before = figures(Run("switchover", 1, good(), tuple(Switchover().judge(good())), ()))
    assert list(compare.worse(before, before)) == []
    now = figures(run())
    (line,) = compare.worse(now, before)
    assert line.startswith("switchover: new connections refused, failed or lost: 1 of ")
    slow = copy.deepcopy(before)
    slow["runs"][0]["change"]["absence"] *= 2
    assert [each.split(":")[1] for each in compare.worse(slow, before)] == [" PostgreSQL's absence"]
    assert list(compare.worse({"runs": []}, before)) == ["switchover: not run"]


def test_a_seed_gives_the_same_order_again() -> None:
    assert series.shuffled(DRILLS, 7) == series.shuffled(DRILLS, 7)
    assert series.shuffled(DRILLS, 7) != series.shuffled(DRILLS, 8)
    assert set(series.shuffled(DRILLS, 7)) == set(DRILLS)
    assert series.drawn(DRILLS, 50, 3) == series.drawn(DRILLS, 50, 3)
    assert len(series.drawn(DRILLS, 50, 3)) == 50


def test_every_drill_says_what_it_is() -> None:
    names = [each.name for each in DRILLS]
    assert len(set(names)) == len(names) and all(each.summary for each in DRILLS)
    assert [each.name for each in faults_named(SHORT)] == list(SHORT)


def test_the_dead_do_not_count_for_the_outage() -> None:
    late = spoil(good(), "srv3/connecting", OUT_OF_RECOVERY - 1, end=OUT_OF_RECOVERY + 5)
    whole = Run("poweroff", 1, replace(late, died=frozenset({"srv3"})), (), ())
    assert whole.worst is not None and whole.worst.length < 2
