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


DC = ["crmadmin", "--dc_lookup"]


@pytest.mark.parametrize(
    ("there", "state", "removed"),
    [(True, "S_IDLE", True), (True, "S_TRANSITION_ENGINE", False), (False, "S_IDLE", False)],
)
def test_it_is_removed_between_transitions(
    there: bool, state: str, removed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(words: list[str], _: float) -> str:
        ran.append(words)
        if words == QUERY and not there:
            raise CommandError(words, 105, "No such device or address")
        return {"crmadmin": f"Designated Controller is: srv2\n{state}: srv2"}.get(words[0], "")

    monkeypatch.setattr(pacemaker, "run", run)
    pacemaker.forget_probe("haproxy:1", "srv1")
    assert ran[0] == QUERY
    assert (DELETE in ran) == removed
    assert (DC in ran) == there
