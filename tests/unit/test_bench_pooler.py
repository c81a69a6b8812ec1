"""What `lab bench pooler` makes of its turns."""

from __future__ import annotations

import pytest

from paf_lab.bench import pooler
from paf_lab.bench.pooler import WITH, WITHOUT, Turn
from paf_lab.drill.service import POOLED_ERRORS
from paf_lab.drill.verdict import OUTAGE
from paf_lab.errors import LabError


def report(errors: int, outage: float) -> dict[str, object]:
    finding = {"name": POOLED_ERRORS, "value": f"{errors} of 900"}
    return {"spans": {OUTAGE: [outage]}, "runs": [{"findings": [finding]}]}


def test_both_are_measured_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    there: list[bool] = []
    monkeypatch.setattr(pooler, "set_pooler", there.append)
    found = pooler.measure(2, lambda: report(0 if there[-1] else 9, 1.5), lambda _: None)
    assert [each.which for each in found] == [WITH, WITHOUT, WITHOUT, WITH]
    assert [each.errors for each in found] == [0, 9, 9, 0]
    assert there[-1] is True


@pytest.mark.parametrize(
    ("turns", "bad"),
    [
        ([Turn(WITH, 1.64, 0), Turn(WITHOUT, 1.5, 9)], []),
        ([Turn(WITH, 1.66, 0), Turn(WITHOUT, 1.5, 9)], ["write outage"]),
        ([Turn(WITH, 1.5, 1), Turn(WITHOUT, 1.5, 9)], ["errors of sessions with it"]),
        ([Turn(WITH, 1.5, 0), Turn(WITHOUT, 1.5, 0)], ["errors of sessions without it"]),
    ],
)
def test_the_verdict(turns: list[Turn], bad: list[str]) -> None:
    failed = [finding.name for finding in pooler.judge(turns) if not finding.passed]
    assert len(failed) == len(bad)
    assert all(name.startswith(start) for name, start in zip(failed, bad))


def test_a_drill_without_such_sessions() -> None:
    with pytest.raises(LabError, match="no sessions through PgBouncer"):
        pooler.read(WITH, {"spans": {OUTAGE: [1.0]}, "runs": [{"findings": []}]})
