"""Whole notification environments in; HAProxy's commands and the role file out.

A scenario is a directory: NN-<event>.env is what one node is notified of, in this order, and
NN-<event>.expected what it does about it. `before` is the role file that it starts from, if any;
HAProxy holds what follows from it. The environments are those of Pacemaker 2.1.5's own scheduler
(crm_simulate --save-graph) for a cluster of three nodes with the constraints of pcs-scripts/; those
of captured-* were written down by a node of the lab while it happened, with Pacemaker 2.1.5, and
with 3.0.0 where the name ends in pacemaker-3.

`pytest tests/golden --update-golden` writes the .expected files; read the diff before it goes in.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from paf_haproxy import pacemaker, rolefile
from paf_haproxy.actions.notify import notify
from paf_haproxy.context import Context
from paf_haproxy.ocf import SUCCESS
from paf_haproxy.routing import wanted
from paf_haproxy.view import ClusterView

from tests.tools import environments
from tests.tools.fake_haproxy import FakeHaproxy
from tests.tools.model import Model

HERE = Path(__file__).parent
SCENARIOS = sorted(path.name for path in HERE.iterdir() if any(path.glob("*.env")))
NODES = ("srv1", "srv2", "srv3")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(
    scenario: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    members = NODES[1:] if scenario.startswith("lost-node") else NODES
    monkeypatch.setattr(pacemaker, "members", lambda: frozenset(members))
    steps = sorted((HERE / scenario).glob("*.env"))
    before = HERE / scenario / "before"
    view = ClusterView()
    if before.exists():
        (tmp_path / "role").write_text(before.read_text())
        role = rolefile.load(str(tmp_path))
        assert role
        view = role.view
    haproxy = FakeHaproxy(Model(wanted(view, NODES)))
    with haproxy.listen(tmp_path / "admin.sock"):
        for step in steps:
            got = replay(step, tmp_path, haproxy)
            expected = step.with_suffix(".expected")
            if request.config.getoption("--update-golden"):
                expected.write_text(got)
            assert got == expected.read_text(), f"{scenario}/{step.name}"
            assert len(haproxy.model.ready()) <= 1


def replay(step: Path, statedir: Path, haproxy: FakeHaproxy) -> str:
    """Runs the notify action for one environment. Returns what it did, as text."""
    environ = environments.load(step) | {"OCF_RESKEY_statedir": str(statedir)}
    assert notify(Context.from_environ("notify", environ, "nowhere")) == SUCCESS
    role = statedir / "role"
    lines = role.read_text().splitlines() if role.exists() else ["(no role file)"]
    lines = [line for line in lines if not line.startswith("time=")]
    commands = haproxy.take() or ["(none)"]
    return "\n".join(["# commands", *commands, "", "# role file", *lines]) + "\n"


def test_every_scenario_is_complete() -> None:
    assert SCENARIOS
    for scenario in SCENARIOS:
        environs = {path.stem for path in (HERE / scenario).glob("*.env")}
        expected = {path.stem for path in (HERE / scenario).glob("*.expected")}
        assert environs == expected, scenario


def test_the_primary_that_each_scenario_ends_with() -> None:
    """What people would say, apart from what --update-golden wrote."""
    ends = {
        "captured-haproxy-bounces": "primary=srv2 candidate= leaving=",
        "captured-primary-fenced-and-back": "primary=srv2 candidate= leaving=",
        "captured-switchover": "primary=srv1 candidate= leaving=",
        "captured-switchover-pacemaker-3": "primary=srv3 candidate= leaving=",
        "first-start": "primary=srv1 candidate= leaving=",
        "haproxy-bounces-on-primary": "primary=srv1 candidate= leaving=",
        "haproxy-leaves-primary": "primary=srv1 candidate= leaving=",
        "lost-node-fenced": "primary=srv2 candidate= leaving=",
        "lost-node-unannounced": "primary=srv2 candidate= leaving=",
        # Nobody tells: colocation keeps our promotion away. The monitor finds out.
        "primary-goes-where-no-haproxy-is": "primary=srv1 candidate= leaving=",
        "promote-refused": "primary=srv1 candidate= leaving=",
        "switchover": "primary=srv2 candidate= leaving=",
        "switchover-aborted": "primary=srv3 candidate= leaving=",
    }
    assert set(ends) == set(SCENARIOS)
    for scenario, end in ends.items():
        last = sorted((HERE / scenario).glob("*.expected"))[-1].read_text().splitlines()
        found = [line for line in last if line.startswith(("primary=", "candidate=", "leaving="))]
        assert " ".join(found) == end, scenario
