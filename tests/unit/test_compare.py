"""What a comparison says is what was seen, and it can say bad things."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paf_lab.bench import rest
from paf_lab.bench.sessions import tps
from paf_lab.compare import picture, report
from paf_lab.compare.figures import Trial, summary, trial
from paf_lab.compare.growth import Size, plot, size
from paf_lab.compare.report import Result
from paf_lab.compare.steady import KINDS, Steady
from paf_lab.drill.audits import WHOLE, Evidence
from paf_lab.drill.records import ACK, DOWN, MISROUTED, PRIMARY, REFUSED, RoleSeen, ServersSeen
from paf_lab.errors import LabError
from paf_lab.topology import ALL
from tests.unit import drill_world as world
from tests.unit.drill_world import LAST_COMMIT, OUT_OF_RECOVERY, STARTED, good, spoil, still


def judged(evidence: Evidence, haproxy: bool = True) -> Trial:
    return trial("vip", "switchover", 1, evidence, haproxy)


def test_a_good_switchover() -> None:
    found = judged(good())
    assert found.absence == pytest.approx(OUT_OF_RECOVERY - LAST_COMMIT)
    assert found.outage == pytest.approx(1.5 + 0.05 + world.EVERY, abs=world.EVERY)
    assert found.ratio == pytest.approx(found.outage / 1.5)
    assert (found.failed, found.misrouted, found.lost, found.two_primaries) == (0, 0, 0, 0)
    assert found.held == 6, "three connecting clients and three sessions"
    assert found.agreement == pytest.approx(0.03), "the last of three"
    assert found.connections > 100 and found.writes > found.connections / 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"outcome": REFUSED, "session": None, "server": None}, "failed"),
        ({"outcome": MISROUTED}, "misrouted"),
        ({"timeline": world.OLD_LINE}, "two_primaries"),
    ],
)
def test_what_went_wrong_is_counted(change: dict[str, Any], field: str) -> None:
    assert getattr(judged(good()), field) == 0
    bad = spoil(good(), "srv2/connecting", OUT_OF_RECOVERY + 0.5, **change)
    assert getattr(judged(bad), field) == 1


def test_a_lost_row_is_counted() -> None:
    evidence = good()
    rows = dict(evidence.rows)
    del rows["srv1/connecting", 5]
    assert judged(replace(evidence, rows=rows)).lost == 1


def test_what_clients_of_a_dead_node_saw_is_nobodys_fault() -> None:
    bad = spoil(good(), "srv1/connecting", STARTED + 0.1, outcome=REFUSED, session=None)
    assert judged(bad).failed == 1
    assert judged(replace(bad, died=frozenset({"srv1"}))).failed == 0


def test_nobody_wrote_again() -> None:
    evidence = good()
    attempts = tuple(
        each for each in evidence.seen.attempts if not each.writes or each.start < LAST_COMMIT - 0.2
    )
    found = judged(replace(evidence, seen=replace(evidence.seen, attempts=attempts)))
    assert found.outage == math.inf and found.ratio == math.inf


def test_a_primary_that_comes_back_where_it_was() -> None:
    evidence = still()
    down = (
        RoleSeen("srv1", STARTED + 1, STARTED + 0.99, DOWN),
        RoleSeen("srv1", STARTED + 3, STARTED + 2.99, PRIMARY),
    )
    assert judged(evidence).absence is None and judged(evidence).ratio is None
    seen = replace(evidence.seen, roles=(*evidence.seen.roles, *down))
    found = judged(replace(evidence, seen=seen))
    assert found.absence == pytest.approx(2.01)
    assert found.agreement == pytest.approx(0.49), "HAProxy on srv1 is back after 3.49 s"


def test_a_haproxy_that_leads_to_two_does_not_agree() -> None:
    evidence = good()
    both = {**world.states("srv2"), "prod/srv1": "ready up"}
    servers = [each for each in evidence.seen.servers if each.node != "srv3"]
    servers += [ServersSeen("srv3", OUT_OF_RECOVERY, OUT_OF_RECOVERY - 0.01, both)]
    at = OUT_OF_RECOVERY + 2
    last = ServersSeen("srv3", at, at - 0.01, world.states("srv2"))
    for more, expected in (((), math.inf), ((last,), 2.0)):
        seen = replace(evidence.seen, servers=(*servers, *more))
        assert judged(replace(evidence, seen=seen)).agreement == pytest.approx(expected)
    assert judged(evidence, haproxy=False).agreement is None


def test_strips() -> None:
    strips = judged(good()).strips
    assert sorted(strips) == ["srv1/connecting", "srv2/connecting", "srv3/connecting"]
    (before, held, after) = strips["srv1/connecting"]
    assert [each[2] for each in (before, held, after)] == [ACK, "held", ACK]
    assert before[0] == pytest.approx(-3) and held[1] == pytest.approx(2.55)


def test_several_trials() -> None:
    bad = replace(judged(good()), outage=9.0, failed=3, trouble="late")
    found = summary([judged(good()), bad, judged(good())])
    assert (found.trials, found.failed, found.worst_outage) == (3, 3, 9.0)
    assert found.outage == pytest.approx(1.6, abs=0.1) and found.troubles == ("late",)
    assert found.worst_ratio == pytest.approx(6.0) and found.ratio == pytest.approx(1.07, abs=0.1)
    none = summary([replace(judged(good()), absence=None, agreement=None)])
    assert math.isnan(none.ratio) and math.isnan(none.worst_ratio) and math.isnan(none.agreement)


STEADY = Steady(120.0, (0.004, 0.003), (0.0005, 0.0004), dict.fromkeys(KINDS, (95.0, 100.0)))
FACTS = {
    "date": "2026-11-01T00:00:00+00:00", "repeat": 5, "drills": ["switchover"],
    "cpus": 2, "versions": {"haproxy": "2.6"}, "json": "compared.json", "load": 0.25,
    "commit": "abc1234", "suite": "bookworm", "command": "lab compare --repeat 5",
    "options": {"fencing_delay": 5.0, "pooled": True, "rate": 4.0, "slower": 0},
}  # fmt: skip


def results() -> list[Result]:
    never = replace(judged(good()), topology="vip", outage=math.inf, trouble="nobody is primary")
    return [
        Result(ALL["paf-haproxy"], trials=[judged(good())], steady=STEADY),
        Result(ALL["vip"], trials=[never], notes=["built anew before switchover 1"]),
        Result(ALL["lvs"], missing="the kernel has no IPVS"),
    ]


def test_the_page() -> None:
    text = report.page(results(), FACTS, "compared.png")
    gaps = f"{judged(good()).service.gaps:.2f} s"
    assert f"| vip | never | never | {gaps} | 1.50 s | never | never | 0 of" in text
    assert "Made by `lab compare --repeat 5`\non 2026-11-01" in text
    assert "from commit abc1234" in text and "The load average of the machine was 0.25" in text
    assert "the power is cut 5 s after the order" in text and "PgBouncer on each node" in text
    assert "fixed rate: 4 a second" in text
    assert "| paf-haproxy | 120 s/h | +1.00 ms | +0.10 ms | 0.95 | 0.95 | 0.95 |" in text
    assert "Not run: the kernel has no IPVS" in text
    assert "- vip: built anew before switchover 1\n" in text
    assert "vip, switchover 1: nobody is primary" in text
    assert "](compared.png)" in text and "- haproxy 2.6" in text
    headers = [line for line in text.splitlines() if line.startswith("| topology")]
    for header in headers:
        lines = text.splitlines()
        place = lines.index(header)
        cells = [line.count("|") for line in lines[place : place + 3]]
        assert len(set(cells)) == 1, "a table of whole rows"


def test_the_figures_are_json() -> None:
    text = json.dumps(report.as_json(results(), FACTS), allow_nan=False)
    found = json.loads(text)["topologies"]
    assert found["vip"]["drills"]["switchover"]["outage"] is None
    assert found["lvs"]["not_run"] and found["lvs"]["trials"] == []
    assert "strips" not in found["paf-haproxy"]["trials"][0]
    trial = found["paf-haproxy"]["trials"][0]
    assert trial["ratio"] and trial["machine"]["cpu"] is None, "null, not NaN"
    assert trial["machine"]["load"] == 0 and trial["service"]["sessions"] == 3


def test_the_picture(tmp_path: Path) -> None:
    file = tmp_path / "compared.png"
    picture.draw(results(), ["switchover", "poweroff"], file)
    data = file.read_bytes()
    assert data.startswith(b"\x89PNG") and len(data) > 5000


def test_pgbench_that_says_nothing() -> None:
    assert tps("tps = 123.4 (without initial connection time)\n") == 123.4
    with pytest.raises(LabError, match="no tps"):
        tps("pgbench: error: connection lost")


def test_growth() -> None:
    change = {"route_delay": {"srv1": 0.05, "srv2": 0.07}, "ratio": 1.2}
    late = {"route_delay": {"srv1": 0.05, "srv2": None}, "ratio": None}
    session = {"ack": 90, "unknown": 3}
    outcomes = {"connecting": {"ack": 50, "held": 3}, "reader": {}, "session": session}
    run = {"change": change, "outcomes": outcomes}
    session = {"ack": 90, "unknown": 3, "refused": 1, "misrouted": 1}
    connecting = {"ack": 50, "refused": 2, "misrouted": 1, "unknown": 1}
    bad = {"change": late, "outcomes": {"connecting": connecting, "session": session}}
    run["findings"] = [{"name": WHOLE, "passed": True, "value": "after 9 s"}]
    bad["findings"] = [{"name": WHOLE, "passed": False, "value": "not within 90 s"}]
    notify = {"notify_ms": {"median": 18.0}}
    at_rest = {"nodes": [{"questions": 4.0, "cpu": 100.0}, {"questions": 6.0, "cpu": 300.0}]}
    found = size(5, {"runs": [run]}, notify, at_rest)
    assert (found.nodes, found.route_delay, found.ratio, found.failed) == (5, 0.07, 1.2, 0)
    assert (found.notify, found.questions, found.cpu) == (0.018, 5.0, 200.0)
    assert found.troubles == ()
    found = size(5, {"runs": [run, bad]}, notify, at_rest)
    assert found.route_delay == math.inf and found.failed == 6 and found.ratio == 1.2
    assert found.troubles == ("not within 90 s",)


def test_growth_is_drawn(tmp_path: Path) -> None:
    file = tmp_path / "growth.png"
    plot(
        [
            Size(
                nodes=n,
                route_delay=0.05 * n,
                ratio=1.2,
                failed=0,
                notify=0.018,
                questions=4.0 * n,
                cpu=200.0,
            )
            for n in (3, 5, 7)
        ],
        file,
    )
    assert file.read_bytes().startswith(b"\x89PNG")


def test_at_rest_somebody_asks() -> None:
    fine = [rest.Rest("srv1", 100.0, 2.2), rest.Rest("srv2", 100.0, 2.1)]
    assert rest.judge(fine)[0].passed and rest.as_json(fine)["nodes"][0]["cpu"] == 100.0
    assert not rest.judge([*fine, rest.Rest("srv3", 100.0, 0.0)])[0].passed
