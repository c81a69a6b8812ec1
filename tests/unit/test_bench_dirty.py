"""What `lab bench dirty` makes of its turns."""

from __future__ import annotations

import pytest

from paf_lab.bench import dirty
from paf_lab.bench.dirty import COMMAND, DIRTY, IDLE, LEAST, MOVE, SLOW, Turn

GIGABYTE = LEAST


def turns(dirty_outage: float, slow_outage: float, pages: int = GIGABYTE) -> list[Turn]:
    return [
        Turn(IDLE, COMMAND, 1.0, 0),
        Turn(DIRTY, COMMAND, dirty_outage, pages),
        Turn(DIRTY, MOVE, 3.0, pages),
        Turn(SLOW, COMMAND, slow_outage, 0),
        Turn(SLOW, MOVE, 2.0, 0),
    ]


@pytest.mark.parametrize(
    ("found", "bad"),
    [
        (turns(1.3, 1.3), []),
        (turns(1.31, 1.3), [0]),
        (turns(1.3, 1.31), [1]),
        (turns(1.3, 1.3, GIGABYTE - 1), [2]),
    ],
)
def test_the_verdict(found: list[Turn], bad: list[int]) -> None:
    findings = dirty.judge(found)
    assert [place for place, each in enumerate(findings) if not each.passed] == bad


def test_a_plain_move_is_told_beside() -> None:
    first, second, _ = dirty.judge(turns(1.1, 1.2))
    assert "plain move 3.00 s, 3.00 times" in first.detail
    assert "plain move 2.00 s, 2.00 times" in second.detail


def test_every_burden_is_tried_with_both_ways() -> None:
    tried = {(burden, way) for burden, way, _ in dirty.CASES}
    assert tried >= {(burden, way) for burden in (DIRTY, SLOW) for way in (COMMAND, MOVE)}
    for burden, way, what in dirty.CASES:
        assert issubclass(what, dirty.BurdenedCommand) == (way == COMMAND)
        assert what(burden).burden == burden
