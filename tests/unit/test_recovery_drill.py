"""What a drill asks of the cluster, and notes, while it waits until the cluster is whole."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab.drill.settings import Settings
from paf_lab.drill.stage import Stage
from paf_lab.drill.whole import DrillRecovery
from paf_lab.errors import LabError

STATUS = """<crm_mon><summary><current_dc name="srv1" with_quorum="true"/></summary><resources>
<clone id="pgsqld-clone"><resource id="pgsqld" role="Promoted" active="true" failed="false">
<node name="srv1"/></resource></clone></resources></crm_mon>"""


def stage(status: Any, **more: Any) -> Any:
    """What a drill asks. status: of Pacemaker, or None if nothing can be asked."""
    settings = Settings()

    def run(*argv: str, **_: Any) -> Any:
        if status is None:
            raise LabError("srv1 went down")
        return subprocess.CompletedProcess(argv, 0, status, "")

    node = SimpleNamespace(name="srv1", run=run)
    return SimpleNamespace(
        nodes={"srv1": node}, anyone=node, settings=settings, rest=lambda _: None, **more
    )


def test_a_drill_that_can_ask_nothing_starts_a_lost_node_at_once() -> None:
    """Without a quorum no other node is going to be promoted."""
    silent = DrillRecovery(stage(None))
    assert (silent.quorum(), silent.leader(), silent.idle()) == (False, None, False)
    quorate = DrillRecovery(stage(STATUS))
    assert (quorate.quorum(), quorate.leader()) == (True, "srv1")


def test_a_drill_notes_what_was_done_for_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, str]] = []
    target = SimpleNamespace(bring_back=lambda node, leads, rebuild: leads if rebuild else "")
    told = stage(
        STATUS,
        cleared=0,
        target=target,
        say=lambda text, node="": said.append((node, text)),
        repair=lambda text, node: said.append((node, f"repair: {text}")),
    )
    noted = DrillRecovery(told)
    noted.clear()
    noted.take_out(told.anyone)
    noted.bring_back(told.anyone, "srv2", rebuild=True)
    noted.bring_back(told.anyone, "srv2")
    assert told.cleared == 1
    assert said == [
        ("srv1", "does not follow the primary: taken out of the cluster"),
        ("srv1", "repair: instance copied from srv2"),
        ("srv1", "cluster started"),
        ("srv1", "cluster started"),
    ]


@pytest.mark.parametrize(("failed", "cleared"), [(True, 1), (False, 0)])
def test_a_drill_counts_the_failures_that_it_clears(failed: bool, cleared: int) -> None:
    more = '<failures><failure op_key="x" node="srv1"/></failures></crm_mon>'
    told = stage(STATUS.replace("</crm_mon>", more) if failed else STATUS, cleared=0)
    told.say = lambda text: None
    Stage.clear_failures(told, "haproxy")
    assert told.cleared == cleared
