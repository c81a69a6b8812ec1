"""A drill may leave one master process of HAProxy, one worker, and known files on a node."""

from __future__ import annotations

import pytest

from paf_lab.drill.leftovers import FILES, judge


@pytest.mark.parametrize(
    ("processes", "names", "found"),
    [
        (["1 2"], FILES, []),
        (["1 2"], [*FILES, "lua-1a2b"], []),
        (["2 3"], FILES, ["2 workers of HAProxy's master process, not 1"]),
        (["1 3"], FILES, ["3 HAProxy processes, not the master process and its 1"]),
        (["0 0"], FILES, ["0 workers of HAProxy's master process, not 1",
                          "0 HAProxy processes, not the master process and its 0"]),
        (["1 2", "77 paf/haproxy stop"], FILES, ["action 77 paf/haproxy stop"]),
        (["1 2"], ["role", "rejected", "reload-due"], ["file rejected", "file reload-due"]),
    ],
)  # fmt: skip
def test_judge(processes: list[str], names: list[str], found: list[str]) -> None:
    assert judge(processes, names) == found


@pytest.mark.parametrize(("workers", "found"), [(1, 0), (3, 0), (4, 1), (0, 1)])
def test_old_workers_may_finish_their_sessions(workers: int, found: int) -> None:
    assert len(judge([f"{workers} {workers + 1}"], FILES, old_workers=2)) == found


@pytest.mark.parametrize("processes", [[], [""], ["1"], ["x 2"]])
def test_a_node_that_cannot_be_looked_at(processes: list[str]) -> None:
    with pytest.raises(ValueError, match=r"unpack|invalid literal"):
        judge(processes, FILES)
