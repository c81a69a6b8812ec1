"""What the lab prints fits the terminal: no line is too long, and no word is cut."""

from __future__ import annotations

import io
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from paf_lab import forward, status
from paf_lab.bench import tables
from paf_lab.bench.idle import Cost
from paf_lab.bench.publish import Rate
from paf_lab.bench.rest import Rest
from paf_lab.compare import growth, report
from paf_lab.compare.figures import Trial
from paf_lab.compare.growth import Size
from paf_lab.compare.machine import Machine
from paf_lab.compare.service import Service, Shares
from paf_lab.compare.steady import Steady
from paf_lab.display import FittedTable, print_list
from paf_lab.drill.alarms import cli as alarms
from paf_lab.drill.alarms import perform as alarms_perform
from paf_lab.drill.alarms.row import ROWS
from paf_lab.drill.audits import Finding
from paf_lab.drill.blast import cli as blast
from paf_lab.drill.blast.judge import Outcome
from paf_lab.drill.drivers import cli as drivers
from paf_lab.drill.faults import DRILLS
from paf_lab.drill.faults.switchover import Switchover
from paf_lab.drill.report import LiveView, event_table, finding_table, outcome_table, run_table
from paf_lab.drill.timeline import Event
from paf_lab.drill.verdict import Run
from paf_lab.topology import ALL, COMPARED
from tests.tools import LIB
from tests.unit.drill_world import STARTED, good

RESULTS = LIB.parent / "results"
WIDTHS = (60, 80, 120)
LONGEST = max((each.name for each in DRILLS), key=len)
EVENTS = (
    Event(STARTED, "srv1", "drill", "crm_resource --move pgsqld-clone to srv2"),
    Event(STARTED + 0.5, "srv1", "Pacemaker", "pgsqld: notify, pre-demote srv1, pre-promote srv2"),
    Event(STARTED + 1.25, "srv2", "PostgreSQL", "consistent recovery state reached at 0/3000060"),
    Event(STARTED + 12.5, "srv3", "HAProxy", "Server prod/srv2 is UP, reason: Layer7 check passed"),
)


def loaded(path: Path) -> Any:
    return json.loads(path.read_text())


def run() -> Run:
    return Run(LONGEST, 1, good(), tuple(Switchover().judge(good())), EVENTS)


def statuses() -> FittedTable:
    refused = (
        'psql: error: connection to server on socket "/run/postgresql/.s.PGSQL.5434" failed:'
        " FATAL:  the database system is not yet accepting connections"
    )
    return status.table([
        ["srv1", "10.77.0.11", "yes", "production", "primary", "12", "srv2 quorum, srv3 quorum"],
        ["srv2", "10.77.0.12", "yes", "standby", "standby", "12", "streaming from 127.0.0.1"],
        ["srv3", "10.77.0.13", "yes", "no answer", "down", "", refused],
        ["log-sink", "10.77.0.10", "yes", "", "", "", ""],
    ])  # fmt: skip


def performed(told: dict[str, Any]) -> Trial:
    """Returns a trial of a report; those of older ones have fewer figures."""
    fields = {key: value for key, value in told.items() if key != "ratio"}
    fields["outage"] = math.inf if told["outage"] is None else told["outage"]
    if served := told.get("service"):
        times: dict[str, Any] = {
            key: math.nan if value is None else value for key, value in served.items()
        }
        shares = served["open_loop"]
        times["open_loop"] = shares and Shares(shares["requests"], tuple(shares["within"]))
        fields["service"] = Service(**times)
        values = told["machine"].values()
        fields["machine"] = Machine(*(math.nan if each is None else each for each in values))
    return Trial(**{**fields, "strips": {}})


def compared(place: int) -> FittedTable:
    """Returns one of the tables of `lab compare`, as it was published, of all topologies."""
    found = loaded(RESULTS / "compared.json")["topologies"]
    results = [report.Result(ALL[name]) for name in COMPARED if name in found]
    for result in results:
        one = found[result.topology.name]
        result.trials += [performed(each) for each in one["trials"]]
        result.steady = Steady(**one["steady"]) if one["steady"] else None
    return report.fitted(*report.tables(results)[place])


def blasted() -> FittedTable:
    own = set(Outcome.__dataclass_fields__)
    rows: list[Mapping[str, Any]] = loaded(RESULTS / "blast.json")["rows"]
    return blast.table([Outcome(**{k: v for k, v in row.items() if k in own}) for row in rows])


def alarmed() -> FittedTable:
    own = set(alarms_perform.Outcome.__dataclass_fields__)
    rows: list[Mapping[str, Any]] = loaded(RESULTS / "false-alarms.json")["rows"]
    fields = [{k: v for k, v in row.items() if k in own} for row in rows]
    return alarms.table([alarms_perform.Outcome(**each) for each in fields])


def attended() -> FittedTable:
    event = loaded(RESULTS / "drivers.json")["events"][0]
    return drivers.table(event["event"], event["rows"])


def findings(path: Path) -> FittedTable:
    return finding_table([Finding(**each) for each in loaded(path)["findings"]])


def grown() -> list[Size]:
    return [Size(**each) for each in loaded(RESULTS / "growth.json")["sizes"]]


TABLES: dict[str, Callable[[], FittedTable]] = {
    "status": statuses,
    "forward": lambda: forward.table([(f"srv{n}", f"127.0.0.1{n}") for n in (1, 2, 3)]),
    "compare, a fault": lambda: compared(0),
    "compare, at rest": lambda: compared(-2),
    "compare, ahead": lambda: compared(-1),
    "grow": lambda: growth.table(
        [Size(**each) for each in loaded(RESULTS / "growth.json")["sizes"]]
    ),
    "drill, events": lambda: event_table(EVENTS, STARTED),
    "drill, findings": lambda: finding_table(run().findings),
    "drill, outcomes": lambda: outcome_table(run()),
    "drill, all runs": lambda: run_table([run(), replace(run(), findings=())]),
    "blast": blasted,
    "false-alarms": alarmed,
    "drivers": attended,
    "bench publish": lambda: tables.publish(
        [Rate(**each) for each in loaded(RESULTS / "publish.json")["rates"]]
    ),
    "bench idle": lambda: tables.idle(
        [Cost(**each) for each in loaded(RESULTS / "idle.json")["cpu_seconds_per_hour"]]
    ),
    "bench rest": lambda: tables.rest([Rest("srv1", 208.4, 7.3), Rest("srv2", 196.1, 7.3)]),
    "lists": lambda: FittedTable(["", ""], [(each.name, each.summary) for each in DRILLS]),
    "list of alarms": lambda: FittedTable(["", ""], [(each.name, each.text) for each in ROWS]),
    **{
        f"findings of {path.stem}": lambda path=path: findings(path)  # type: ignore[misc]
        for path in sorted(RESULTS.glob("*.json"))
        if "findings" in loaded(path)
    },
}


def printed(what: object, width: int, height: int = 24, terminal: bool = False) -> str:
    file = io.StringIO()
    console = Console(
        file=file, width=width, height=height, force_terminal=terminal, color_system=None
    )
    console.print(what)
    return file.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", TABLES)
def test_a_table_fits(name: str, width: int) -> None:
    table = TABLES[name]()
    text = printed(table, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    cells = [*table.heads, *(cell.plain for row in table.rows for cell in row)]
    words = Counter(word for cell in cells for word in cell.split())
    assert words, "the table has something to show"
    assert not words - Counter(text.split()), "every word is there, as often as it should be"


@pytest.mark.parametrize("width", WIDTHS)
def test_the_live_view_fits(width: int) -> None:
    console = Console(width=width, height=24, force_terminal=True, file=io.StringIO())
    view = LiveView(console, f"{LONGEST} 47/47")
    events = [replace(each, at=time.time() + each.at - STARTED) for each in EVENTS]
    view.update("wait until the cluster is healthy", events * 10, Counter(ack=12345, held=12))
    text = printed(view.render(), width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width and len(lines) <= 24
    assert "…" not in text and "ack 12345" in text
    assert "Layer7" in lines[-1] + lines[-2], "the last event is shown"
    assert text.count("Layer7") > 2, "and others before it"


def test_a_list_is_one_line_each_for_other_programs() -> None:
    rows = [(each.name, each.summary) for each in DRILLS]
    file = io.StringIO()
    print_list(Console(file=file, width=60), rows)
    lines = file.getvalue().splitlines()
    assert len(lines) == len(DRILLS)
    assert all(
        line.startswith(name) and line.endswith(text) for line, (name, text) in zip(lines, rows)
    )


def test_columns_that_do_not_fit_come_below_with_the_key() -> None:
    table = FittedTable(["node", "first", "second"], [["srv1", "a" * 20, "b" * 20]], title="nodes")
    lines = [line.strip() for line in printed(table, 40).splitlines()]
    assert lines[0] == "nodes" and "nodes, continued" in lines
    assert sum(line.startswith("srv1") for line in lines) == 2
    assert len(printed(table, 80).splitlines()) == 4


def test_a_word_longer_than_the_line_is_folded() -> None:
    text = printed(FittedTable(["", ""], [["srv1", "x" * 100]]), 40)
    assert max(map(len, text.splitlines())) <= 40 and text.count("x") == 100


def test_figures_stand_to_the_right() -> None:
    table = FittedTable(["what", "took"], [["a", "9.5 s"], ["b", "12.5 s"], ["c", "never"]])
    assert [line[-6:] for line in printed(table, 40).splitlines()[2:]] == [
        " 9.5 s",
        "12.5 s",
        " never",
    ]
