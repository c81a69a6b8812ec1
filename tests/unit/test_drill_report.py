"""What stands in the report of a series, and what another report is compared with."""

from __future__ import annotations

import base64
import copy
import gzip
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paf_lab.drill import compare, html, picture, plot, series, verdict
from paf_lab.drill.faults import DRILLS, SHORT, faults_named
from paf_lab.drill.faults.switchover import Switchover
from paf_lab.drill.lanes import BEFORE, SILENT, lanes
from paf_lab.drill.plot import Figure
from paf_lab.drill.records import REFUSED, ServersSeen
from paf_lab.drill.settings import Bars
from paf_lab.drill.timeline import Event
from paf_lab.drill.verdict import Run
from paf_lab.errors import LabError
from tests.unit.drill_world import (
    EVERY,
    LAST_COMMIT,
    OUT_OF_RECOVERY,
    STARTED,
    TOOK,
    good,
    spoil,
    states,
)

SVG = "{http://www.w3.org/2000/svg}"


def run() -> Run:
    evidence = spoil(good(), "srv2/reader", STARTED, outcome=REFUSED, error="<no> & 'why'")
    events = (Event(STARTED + 0.5, "srv1", "agent", "pre-demote: <srv1>"),)
    return Run("switchover", 1, evidence, tuple(Switchover().judge(evidence)), events)


def figures(*runs: Run) -> dict[str, Any]:
    return {
        "drill": "all",
        "date": "2026-11-23",
        "passed": False,
        "versions": {"haproxy": "2.6"},
        "findings": [vars(each) for each in verdict.overall(runs, len(runs), Bars())],
        "runs": [json.loads(json.dumps(verdict.as_json(each))) for each in runs],
    }


def drawn() -> Figure:
    return plot.figure(lanes(figures(run())["runs"][0], run().evidence.seen))


def traces(name: str) -> list[dict[str, Any]]:
    return [each for each in drawn()["data"] if each["name"] == name]


def test_the_figure_has_a_lane_for_everyone() -> None:
    axis = drawn()["layout"]["yaxis"]
    for name in ("agent", "PostgreSQL srv1", "prod of srv3", "srv1/connecting", "srv3/reader"):
        assert name in axis["ticktext"]
    assert len(set(axis["tickvals"])) == len(axis["ticktext"])
    texts = [text for trace in drawn()["data"] for text in trace["hovertext"]]
    assert any("refused" in text and "&lt;no&gt; &amp; &#x27;why&#x27;" in text for text in texts)
    assert "srv1 pre-demote: &lt;srv1&gt;<br>+0.500 s" in texts


def test_every_span_is_at_its_place() -> None:
    (refused,) = traces("refused")
    lane = drawn()["layout"]["yaxis"]["ticktext"].index("srv2/reader")
    assert refused["y"] == [drawn()["layout"]["yaxis"]["tickvals"][lane]]
    assert 0 <= refused["base"][0] < EVERY and refused["x"] == pytest.approx([TOOK])
    (primary,) = traces("primary")
    assert primary["base"] == pytest.approx([-BEFORE, OUT_OF_RECOVERY - STARTED])
    assert primary["x"][0] == pytest.approx(LAST_COMMIT + 0.1 - STARTED + BEFORE)
    (held,) = traces("held")
    assert len(held["base"]) == 6, "three connecting clients and three sessions"
    assert not traces("nobody"), "every HAProxy led to srv1 until it led to srv2"
    assert [each["base"] for each in traces("srv1")] == [[-BEFORE] * 3]
    line = drawn()["layout"]["shapes"][0]
    assert (line["x0"], line["x1"]) == (0, 0), "the moment at which the drill acts"


def test_a_haproxy_that_is_silent_or_leads_to_two_is_seen() -> None:
    evidence = good()
    both = {**states("srv2"), "prod/srv1": "ready up"}
    more = (
        ServersSeen("srv3", STARTED + 3, None, None),
        ServersSeen("srv3", STARTED + 4, None, both),
        ServersSeen("srv3", STARTED + 4.5, None, both),
    )
    seen = replace(evidence.seen, servers=(*evidence.seen.servers, *more))
    found = plot.figure(lanes(figures(run())["runs"][0], seen))["data"]
    (silent,) = [each for each in found if each["name"] == SILENT]
    assert silent["base"] == [3] and silent["x"] == [1]
    (two,) = [each for each in found if each["name"] == "srv1 srv2"]
    assert two["base"] == [4] and two["marker"]["color"] == plot.STRANGE


def test_the_still_picture_shows_the_same() -> None:
    element = ET.fromstring(picture.svg(drawn()))
    rows = [text.text for text in element.iter(f"{SVG}text")]
    assert {"agent", "PostgreSQL srv1", "prod of srv3", "srv3/reader"} < set(rows)
    titles = [title.text or "" for title in element.iter(f"{SVG}title")]
    assert any("refused" in text and "<no> & 'why'" in text for text in titles)
    (red,) = [each for each in element.iter(f"{SVG}rect") if each.get("fill") == "#d62728"]
    since, until = drawn()["layout"]["xaxis"]["range"]
    (refused,) = traces("refused")
    place = picture.LEFT + (refused["base"][0] - since) / (until - since) * picture.WIDTH
    assert float(red.get("x", "0")) == pytest.approx(place, abs=0.1)


def test_the_page_is_whole_and_escapes() -> None:
    runs = [run(), run()]
    page = html.page(figures(*runs), [each.evidence.seen for each in runs])
    assert re.findall(r'id="(run-\d)"', page) == ["run-1", "run-2"]
    assert "<no>" not in page and "<srv1>" not in page
    assert page.count("FAIL") >= 2
    assert html.figures_of(page) == [drawn(), drawn()]
    heights = re.findall(r'data-run="(\d)" style="height: (\d+)px"', page)
    assert heights == [(n, str(drawn()["layout"]["height"])) for n in ("0", "1")]


def test_the_page_needs_no_network() -> None:
    page = html.page(figures(run()), [run().evidence.seen])
    assert not re.findall(r"https?://|<link|\bsrc=|@import", page)
    assert page.count('id="plotly"') == 1, "once, whatever the number of runs"
    (packed,) = re.findall(r'id="plotly">(.*?)</script>', page)
    assert b"Plotly" in gzip.decompress(base64.b64decode(packed))


def test_a_page_is_written_again_from_the_records(tmp_path: Path) -> None:
    result = figures(run())
    (tmp_path / "report.json").write_text(json.dumps(result))
    place = tmp_path / "run-01-switchover"
    place.mkdir()
    seen = run().evidence.seen
    for node in ("srv1", "srv2", "srv3"):
        clients = [vars(each) for each in seen.attempts if each.node == node]
        roles = [{"kind": "role", **vars(each)} for each in seen.roles if each.node == node]
        servers = [{"kind": "servers", **vars(each)} for each in seen.servers if each.node == node]
        programs = {"clients": clients, "postgres": roles, "haproxy": servers}
        for program, found in programs.items():
            text = "\n".join(json.dumps(each) for each in found)
            (place / f"{node}.{program}.jsonl").write_text(text + '\n{"cut')
        (place / f"{node}.journal.jsonl").write_text('{"SYSLOG_IDENTIFIER": "x"}\n')
    assert html.figures_of(series.page_of(tmp_path)) == [drawn()]
    place.rename(tmp_path / "run-01-poweroff")
    with pytest.raises(LabError, match=r"no records .*/run-01-switchover"):
        series.page_of(tmp_path)
    with pytest.raises(LabError, match=r"has no report\.json"):
        series.page_of(tmp_path / "run-01-poweroff")


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
