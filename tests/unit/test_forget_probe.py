"""Pacemaker's record of a probe that found HAProxy running is removed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from paf_haproxy import configuration, crash, pacemaker, request
from paf_haproxy.actions import fast_monitor, monitor
from paf_haproxy.command import CommandError
from paf_haproxy.context import Context, Notice
from paf_haproxy.ocf import SUCCESS
from paf_haproxy.params import Params

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
    gone = pacemaker.forget_probe("haproxy:1", "srv1")
    assert gone == (removed or not there)
    assert ran[0] == QUERY
    assert (DELETE in ran) == removed
    assert (DC in ran) == there


@pytest.mark.parametrize(("gone", "kept"), [(True, True), (False, False)])
def test_while_the_record_is_there_each_monitor_makes_a_full_check(
    gone: bool, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full check that found nothing else wrong would be valid for a minute."""
    params = Params({"statedir": str(tmp_path)})
    context = Context("monitor", "srv1", {}, Notice("-"), interval=4000)
    seen = Path(fast_monitor.path(str(tmp_path)))

    def follow_configuration(*_: object) -> None:
        seen.write_text("a full check")

    monkeypatch.setattr(configuration, "effective", lambda _: params)
    monkeypatch.setattr(monitor, "reconcile", lambda *_: SUCCESS)
    monkeypatch.setattr(request, "take", lambda _: None)
    monkeypatch.setattr(crash, "watch", lambda _: None)
    monkeypatch.setattr(crash, "attempt", lambda *_: None)
    monkeypatch.setattr(monitor, "follow_configuration", follow_configuration)
    monkeypatch.setattr(pacemaker, "forget_probe", lambda *_: gone)
    assert monitor.look_after(context) == SUCCESS
    assert seen.exists() == kept
