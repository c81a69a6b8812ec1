"""The verdict on a notify's duration."""

from __future__ import annotations

from lab.drill.bench import Sample, as_json, judge


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
