"""Pacemaker's record of a probe that found HAProxy running is removed, and nothing else."""

from __future__ import annotations

import pytest
from paf_haproxy import pacemaker
from paf_haproxy.command import CommandError

RECORD = (
    "//node_state[@uname='srv1']//lrm_rsc_op[@id='haproxy_last_failure_0'][@operation='monitor']"
    "[@interval='0'][@rc-code='0' or @rc-code='8']"
)
QUERY = ["cibadmin", "--query", "--local", "--xpath", RECORD]
DELETE = ["cibadmin", "--delete-all", "--force", "--xpath", RECORD]


@pytest.mark.parametrize(("there", "done"), [(True, [QUERY, DELETE]), (False, [QUERY])])
def test_it_is_removed(there: bool, done: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(words: list[str], _: float) -> str:
        ran.append(words)
        if not there:
            raise CommandError(words, 105, "No such device or address")
        return ""

    monkeypatch.setattr(pacemaker, "run", run)
    pacemaker.forget_probe("haproxy:1", "srv1")
    assert ran == done
