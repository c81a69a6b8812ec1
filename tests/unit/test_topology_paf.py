"""A trial begins where PAF would promote each standby, and not a moment sooner."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from paf_lab.node import NODES
from paf_lab.topology.paf import _scored

SAID = """\
<pacemaker-result api-version="2.25" request="crm_mon">
  <node_attributes>{nodes}</node_attributes>
  <status code="0" message="OK"/>
</pacemaker-result>"""


def node(**scores: str) -> Any:
    nodes = "".join(
        f'<node name="{name}"><attribute name="other" value="7"/>'
        f'<attribute name="master-pgsqld" value="{score}"/></node>'
        for name, score in scores.items()
    )
    return SimpleNamespace(run=lambda *_: SimpleNamespace(stdout=SAID.format(nodes=nodes)))


def test_every_instance_has_a_score() -> None:
    first, *others = (each.name for each in NODES)
    assert _scored(node(**{first: "1001"}, **dict.fromkeys(others, "1000")))


@pytest.mark.parametrize("late", ["-1000", "0"])
def test_a_standby_that_did_not_stream_when_paf_looked(late: str) -> None:
    first, *others, last = (each.name for each in NODES)
    assert not _scored(node(**{first: "1001"}, **dict.fromkeys(others, "1000"), **{last: late}))


def test_one_that_has_none_yet() -> None:
    first, *others, _ = (each.name for each in NODES)
    assert not _scored(node(**{first: "1001"}, **dict.fromkeys(others, "1000")))


def test_pacemaker_says_nothing() -> None:
    assert not _scored(SimpleNamespace(run=lambda *_: SimpleNamespace(stdout="")))  # type: ignore[arg-type]
