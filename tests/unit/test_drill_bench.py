"""The verdict on a notify's duration."""

from __future__ import annotations

import pytest

from paf_lab.bench import idle, publish, throughput
from paf_lab.bench.notify import Sample, as_json, judge
from paf_lab.bench.publish import Rate


def samples(notify: float, python: float, changed: bool = True) -> list[Sample]:
    return [
        Sample("pre-demote", notify, python, True),
        Sample("pre-promote", notify * 3, python, changed),
        Sample("pre-demote", notify / 2, python, True),
    ]


def passed(given: list[Sample]) -> list[bool]:
    return [finding.passed for finding in judge(given)]


def test_fast_enough() -> None:
    assert passed(samples(0.020, 0.007)) == [True, True, True]


def test_too_slow_in_itself() -> None:
    assert passed(samples(0.031, 0.020)) == [False, True, True]


def test_too_slow_beside_python() -> None:
    assert passed(samples(0.027, 0.007)) == [True, False, True]


def test_a_notification_that_changes_nothing_measures_nothing() -> None:
    assert passed(samples(0.020, 0.007, changed=False)) == [True, True, False]


def test_nothing_measured_is_no_pass() -> None:
    assert not any(passed([]))


def test_figures_by_event() -> None:
    found = as_json(samples(0.020, 0.007))
    assert found["notify_ms"] == {"min": 10.0, "median": 20.0, "p95": 60.0}
    assert found["by_event_ms"]["pre-promote"]["median"] == 60.0
    assert found["by_event_ms"]["pre-demote"]["median"] == 15.0


def rates(text: float = 9000, http: float = 8000, wrong: int = 0) -> list[Rate]:
    return [
        Rate("paf-haproxy", "text on 5431", text, 0.0001, wrong, 0),
        Rate("paf-haproxy", "HTTP on 8008", http, 0.0001, 0, 0),
        Rate("deck", "systemd socket", 80, 0.02, 0, 0),
        Rate("Patroni", "REST API", 800, 0.001, 0, 0),
    ]


def test_published_fast_enough() -> None:
    assert all(finding.passed for finding in publish.judge(rates()))


def test_published_too_slowly_or_wrongly() -> None:
    def failing(found: list[Rate]) -> list[str]:
        return [finding.name for finding in publish.judge(found) if not finding.passed]

    assert failing(rates(text=7999)) == ["text on 5431 / systemd socket"]
    assert failing(rates(http=7999)) == ["HTTP on 8008 / systemd socket", "HTTP on 8008 / Patroni"]
    assert failing(rates(wrong=1)) == ["text on 5431: wrong or unanswered"]
    assert publish.as_json(rates())["rates"][0]["answers"] == 9000


def told(seconds: float, monitor: float, **cpu: float) -> dict[str, object]:
    names = {
        "ours": "haproxy /run/paf-haproxy/haproxy.cfg",
        "deck": "haproxy /run/deck-haproxy.cfg",
    }
    spent = {names.get(name, name): value for name, value in cpu.items()}
    return {"seconds": seconds, "monitor": monitor, "cpu": spent}


def test_the_cost_at_rest() -> None:
    without = told(60, 0.02, ours=0.3, backend=0.1, postmaster=0.1, systemd=1)
    beside = told(30, 0.02, ours=0.2, deck=0.1, backend=0.05, postmaster=1, systemd=3)
    found = {(each.who, each.what): each.cpu for each in idle.costs(without, beside, 4)}
    assert [round(cpu, 3) for cpu in found.values()] == [18, 6, 6, 18, 12, 300, 114]
    (finding,) = idle.judge(idle.costs(without, beside, 4))
    assert (finding.passed, finding.value) == (True, "0.11")
    (finding,) = idle.judge(idle.costs(without, beside, 0.4))
    assert not finding.passed


def sessions(share: float, slower: float) -> throughput.Found:
    # The machine slows down from turn to turn; one turn has our HAProxy at a bad moment.
    ways = {
        throughput.OURS: [share * 9, share * 6, share * 1, share * 3],
        throughput.PLAIN: [9.0, 6.0, 4.0, 3.0],
        throughput.DIRECT: [12.0, 8.0, 5.0, 4.0],
    }
    took = {throughput.OURS: slower, throughput.PLAIN: 1.0, throughput.DIRECT: 0.7}
    return throughput.Found(took, took, {"select": ways, "connect": ways})


@pytest.mark.parametrize(
    ("share", "slower", "passed"),
    [
        (1.0, 1.0, [True, True, True, True]),
        (0.94, 1.0, [False, False, True, True]),
        (1.2, 1.06, [True, True, False, False]),
        (0.0, 0.0, [False, False, False, False]),
    ],
)
def test_throughput(share: float, slower: float, passed: list[bool]) -> None:
    found = sessions(share, slower)
    assert [each.passed for each in throughput.judge(found)] == passed
    assert throughput.as_json(found, "srv3", 4)["tps"]["select"][throughput.OURS][1] == share * 6


def test_a_plain_haproxy_that_carries_nothing_is_no_measure() -> None:
    ways = {way: [0.0] for way in (throughput.OURS, throughput.PLAIN, throughput.DIRECT)}
    took = dict.fromkeys(ways, 1.0)
    first, *_ = throughput.judge(throughput.Found(took, took, {"select": ways}))
    assert (first.passed, first.value) == (False, "0.000")


@pytest.mark.parametrize(
    ("size", "ranks"),
    # By tables of the binomial distribution: 95.7 % of 30 values' medians are in the 10th to 21st.
    [(1, (0, 0)), (3, (0, 2)), (30, (9, 20)), (40, (13, 26))],
)
def test_interval(size: int, ranks: tuple[int, int]) -> None:
    assert throughput.interval(size) == ranks
