"""pcs-scripts/30-fencing.sh: one device for all nodes, or one for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import ROOT, pcs_calls

EACH = "srv1 ip=10.0.0.61\nsrv2 ip=10.0.0.62 ipport=6623\n\nsrv3   ip=10.0.0.63\n"
IPMI = {"FENCE_AGENT": "fence_ipmilan", "FENCE_OPTIONS": "lanplus=1 username=fence"}
SOME_DEVICE = "//primitive[starts-with(@id, 'fence-')]"


def created(calls: list[list[str]]) -> dict[str, list[str]]:
    """Returns the agent and the options of each device that is created, without its operations."""
    return {
        words[2]: words[3 : words.index("op")]
        for words in calls
        if words[:2] == ["stonith", "create"]
    }


@pytest.mark.parametrize("devices", ["", EACH])
def test_without_an_agent_it_says_what_to_type(devices: str, tmp_path: Path) -> None:
    done = pcs_calls.run("30-fencing", place=tmp_path, environ={"FENCE_DEVICES": devices})
    assert done.code == 1
    assert done.err == (
        'FENCE_AGENT is not set: export FENCE_AGENT=... FENCE_OPTIONS="..." (pcs stonith list)\n'
    )
    assert done.calls == [], "stonith-enabled is not set either"


def test_the_lab_is_named_by_nobody_but_the_lab() -> None:
    scripts = [path for path in (ROOT / "pcs-scripts").iterdir() if path.suffix != ".md"]
    assert [path.name for path in scripts if "paf_lab" in path.read_text()] == []


def test_one_device_for_all(tmp_path: Path) -> None:
    done = pcs_calls.run("30-fencing", place=tmp_path, environ=IPMI)
    shared = ["lanplus=1", "username=fence"]
    assert created(done.calls) == {
        "fence": ["fence_ipmilan", "pcmk_host_list=srv1 srv2 srv3", *shared]
    }
    assert ["property", "set", "stonith-enabled=true", "no-quorum-policy=stop"] in done.calls


def test_a_device_for_each(tmp_path: Path) -> None:
    """With the options of all and its own; it does not run on the node that it fences."""
    done = pcs_calls.run("30-fencing", place=tmp_path, environ=IPMI | {"FENCE_DEVICES": EACH})
    assert (done.code, done.err) == (0, "")
    shared = ["lanplus=1", "username=fence"]
    assert created(done.calls) == {
        "fence-srv1": ["fence_ipmilan", "pcmk_host_list=srv1", *shared, "ip=10.0.0.61"],
        "fence-srv2": ["fence_ipmilan", "pcmk_host_list=srv2", *shared, "ip=10.0.0.62",
                       "ipport=6623"],
        "fence-srv3": ["fence_ipmilan", "pcmk_host_list=srv3", *shared, "ip=10.0.0.63"],
    }  # fmt: skip
    bans = [words[2:5] for words in done.calls if words[:2] == ["constraint", "location"]]
    assert bans == [[f"fence-{node}", "avoids", node] for node in ("srv1", "srv2", "srv3")]


def test_a_second_time_it_creates_nothing(tmp_path: Path) -> None:
    present = [f"//primitive[@id='fence-{node}']" for node in ("srv1", "srv2", "srv3")]
    environ = IPMI | {"FENCE_DEVICES": EACH}
    done = pcs_calls.run("30-fencing", place=tmp_path, environ=environ, present=present)
    assert [words[0] for words in done.calls] == ["property"]


def test_a_node_without_a_line(tmp_path: Path) -> None:
    environ = IPMI | {"FENCE_DEVICES": "srv10 ip=10.0.0.70"}
    done = pcs_calls.run("30-fencing", place=tmp_path, environ=environ)
    assert done.code == 1
    assert done.err == ("FENCE_DEVICES has no line for srv1: add one, such as 'srv1 ip=ADDRESS'\n")
    assert done.calls == []


def test_a_node_that_joins_brings_its_device(tmp_path: Path) -> None:
    environ = IPMI | {"FENCE_DEVICES": EACH + "srv4 ip=10.0.0.64", "HACLUSTER_PASSWORD": "x"}
    done = pcs_calls.run("80-add-node srv4", place=tmp_path, environ=environ, present=[SOME_DEVICE])
    assert list(created(done.calls)) == ["fence-srv4"]
    del environ["FENCE_DEVICES"]
    done = pcs_calls.run("80-add-node srv4", place=tmp_path, environ=environ, present=[SOME_DEVICE])
    assert done.code == 1
    assert "FENCE_DEVICES has no line for srv4" in done.err
    assert done.calls == [], "a node that cannot be fenced does not join"


def test_a_node_that_leaves_takes_its_device(tmp_path: Path) -> None:
    crm_resource = tmp_path / "bin" / "crm_resource"
    crm_resource.parent.mkdir()
    crm_resource.write_text("#!/bin/bash\n")
    crm_resource.chmod(0o755)
    done = pcs_calls.run(
        "85-remove-node srv3", place=tmp_path, present=["//primitive[@id='fence-srv3']"]
    )
    assert done.code == 0
    assert done.calls == [["stonith", "delete", "fence-srv3"]]
