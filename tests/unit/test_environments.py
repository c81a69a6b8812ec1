"""The fixtures' own guard: what Pacemaker never sends is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.environments import META, NOTIFY, Impossible, check, load, notification

NODES = ("srv1", "srv2", "srv3")


def switchover(event: str = "pre-demote", on_node: str = "srv3") -> dict[str, str]:
    return notification(
        event, on_node, all_nodes=NODES, promoted=["srv1"], demote=["srv1"], promote=["srv2"]
    )


def bounce(event: str, on_node: str) -> dict[str, str]:
    changes = {key: ["srv1"] for key in ("stop", "start", "demote", "promote")}
    return notification(event, on_node, all_nodes=NODES, promoted=["srv1"], **changes)


@pytest.mark.parametrize("event", ["pre-demote", "post-demote", "pre-promote", "post-promote"])
def test_a_switchover_is_possible(event: str) -> None:
    check(switchover(event))


@pytest.mark.parametrize("event", ["pre-stop", "post-start", "pre-promote"])
def test_a_bounce_is_possible_on_its_own_node(event: str) -> None:
    check(bounce(event, "srv1"))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({NOTIFY + "type": "during"}, "notify_type"),
        ({NOTIFY + "operation": "migrate"}, "notify_operation"),
        ({NOTIFY + "demote_uname": " ", NOTIFY + "demote_resource": " "}, "a demote of nobody"),
        ({NOTIFY + "promote_uname": ""}, "Pacemaker writes a space"),
        ({NOTIFY + "promote_uname": "srv2 srv3"}, "as many nodes as resources"),
        ({NOTIFY + "promote_uname": "srv9"}, "unknown nodes"),
        ({NOTIFY + "master_uname": "srv2"}, "master_uname is not promoted_uname"),
        ({NOTIFY + "demote_uname": "srv2"}, "demotes who is not promoted"),
        ({NOTIFY + "promote_uname": "srv1", NOTIFY + "demote_uname": "srv1"}, ""),
        ({NOTIFY + "stop_uname": "srv2", NOTIFY + "stop_resource": "haproxy:1"}, "promotes what"),
        ({NOTIFY + "start_uname": "srv3", NOTIFY + "start_resource": "haproxy:2"}, "starts what"),
        ({META + "on_node": ""}, "no on_node"),
        ({META + "on_node": "srv4"}, "has no instance"),
    ],
)
def test_refused(changes: dict[str, str], why: str) -> None:
    environ = switchover() | changes
    if not why:  # the control: a change that is possible passes
        check(environ)
        return
    with pytest.raises(Impossible, match=why):
        check(environ)


def test_refused_roles() -> None:
    environ = switchover()
    for key in ("unpromoted", "slave"):
        environ[f"{NOTIFY}{key}_uname"] = "srv1 srv2"
    with pytest.raises(Impossible, match="both promoted and unpromoted"):
        check(environ)
    with pytest.raises(Impossible, match="two nodes are promoted"):
        notification(
            "pre-demote", "srv3", all_nodes=NODES, promoted=["srv1", "srv2"], demote=["srv1"]
        )
    with pytest.raises(Impossible, match="promotes who is promoted"):
        notification("pre-promote", "srv3", all_nodes=NODES, promoted=["srv1"], promote=["srv1"])
    with pytest.raises(Impossible, match="stops what does not run"):
        notification("pre-stop", "srv3", all_nodes=NODES, unpromoted=["srv3"], stop=["srv1"])


@pytest.mark.parametrize("event", ["post-stop", "pre-start"])
def test_nobody_hears_of_his_own_absence(event: str) -> None:
    check(bounce(event, "srv2"))
    with pytest.raises(Impossible, match="srv1 itself hears no"):
        bounce(event, "srv1")


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "01-pre-demote.env"
    lines = [
        f"{key}='{value}'" if " " in value else f"{key}={value}"
        for key, value in switchover().items()
    ]
    path.write_text("\n".join(["# captured", "", *lines, ""]))
    assert load(path) == switchover()
    # As `env` prints it, without quotes, the value of an empty list being one space.
    path.write_text("".join(f"{key}={value}\n" for key, value in switchover().items()))
    assert load(path) == switchover()
    path.write_text("no assignment\n")
    with pytest.raises(Impossible, match=f"{path}: no assignment"):
        load(path)
    path.write_text("A=1\n")
    with pytest.raises(Impossible, match=f"{path}: notify_type"):
        load(path)
