"""pcs-scripts/75-move-port.sh: PostgreSQL moves to another port, with one restart a node."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.move_world import World

PUSHED = "resource update haproxy prod_port= stdby_port="


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_prepare_changes_nothing_that_runs(world: World) -> None:
    done = world.run("prepare")
    assert (done.code, done.log) == (0, ["sql: ALTER SYSTEM SET port = 5434"])
    link = world.place / "socket" / ".s.PGSQL.5434"
    assert str(link.readlink()) == ".s.PGSQL.5432"
    world.runs_on("5434")
    assert world.run("prepare").log == []


def test_prepare_refuses_a_third_port(world: World) -> None:
    world.runs_on("5433")
    done = world.run("prepare")
    assert done.code == 1 and "export OLD_PORT=5433" in done.err


def test_begin_leaves_postgresql_alone(world: World) -> None:
    assert world.run("begin").log == ["resource meta pgsqld-clone maintenance=true", "push"]
    assert world.run("begin").log == [], "once is enough"


def test_begin_refuses_a_cluster_that_is_not_whole(world: World) -> None:
    world.put("disagrees")
    done = world.run("begin")
    assert done.code == 1 and "paf-haproxy status" in done.err and done.log == []


def test_begin_refuses_if_haproxy_has_another_port(world: World) -> None:
    world.put("haproxy.pgport", "5434")
    assert world.run("begin").code == 1
    world.remove("haproxy.pgport")  # the agent's default is 5434
    assert world.run("begin").code == 1
    assert world.run("begin", OLD_PORT="5434", PGPORT="5432").code == 0


def moving(world: World, role: str) -> World:
    world.put("role", role)
    world.put("configured", "5434")
    world.put("left-alone")
    return world


@pytest.mark.parametrize("role", ["primary", "standby"])
def test_no_restart_while_pacemaker_manages_postgresql(world: World, role: str) -> None:
    moving(world, role).remove("left-alone")
    done = world.run("restart")
    assert done.code == 1 and "begin" in done.err and done.log == []


def test_no_restart_before_the_port_is_configured(world: World) -> None:
    moving(world, "standby").put("configured", "5432")
    done = world.run("restart")
    assert done.code == 1 and "prepare" in done.err and "stop" not in done.log


def steps(log: list[str]) -> list[str]:
    return [line for line in log if not line.startswith("sql: SELECT")]


def test_a_standby_restarts_once_and_streams(world: World) -> None:
    done = moving(world, "standby").run("restart")
    assert (done.code, steps(done.log)) == (0, ["sql: CHECKPOINT", "stop", "start 5434"])
    again = world.run("restart")
    assert (again.code, steps(again.log)) == (0, [])


def test_haproxy_changes_over_before_the_primary_stops(world: World) -> None:
    done = moving(world, "primary").run("restart")
    assert done.code == 0, done.err
    log = steps(done.log)
    assert log[:6] == [
        "sql: CHECKPOINT",
        "resource update haproxy pgport=5434",
        "push",
        "crm_resource --wait --timeout=1",
        PUSHED,
        "stop",
    ]
    assert sorted(log[6:]) == ["push", "start 5434"], "at the same time"


def test_ports_of_clients_that_are_not_temporary_stay(world: World) -> None:
    moving(world, "primary").put("haproxy.prod_port", "5000")
    log = steps(world.run("restart").log)
    assert PUSHED not in log and log[-2:] == ["stop", "start 5434"]
    world.runs_on("5432")
    assert PUSHED + " x=1" in world.run("restart", HAPROXY_PORTS=PUSHED[24:] + " x=1").log


def test_a_restart_that_was_broken_off_goes_on(world: World) -> None:
    """Nothing is pushed that changes nothing."""
    moving(world, "primary").put("haproxy.pgport", "5434")
    world.put("parameters", '{"pgport": "5434"}')
    world.put("haproxy.prod_port", "5000")
    done = world.run("restart")
    assert done.code == 0, done.err
    assert "push" not in done.log and steps(done.log)[-2:] == ["stop", "start 5434"]


@pytest.mark.parametrize(("role", "pushed"), [("primary", True), ("standby", False)])
def test_one_that_was_broken_off_after_the_stop_is_ended(
    world: World, role: str, pushed: bool
) -> None:
    moving(world, role).remove("data/postmaster.pid")
    done = world.run("restart")
    assert done.code == 0, done.err
    assert steps(done.log)[0] == "start 5434" and "stop" not in done.log
    assert (PUSHED in done.log) is pushed


def test_the_primary_waits_for_a_standby_that_has_moved(world: World) -> None:
    moving(world, "primary").put("listening", "srv1")
    done = world.run("restart")
    assert done.code == 1 and "no standby listens on 5434" in done.err and "stop" not in done.log


def test_the_primary_goes_on_if_haproxy_rejects_the_port(world: World) -> None:
    moving(world, "primary").put("rejects")
    done = world.run("restart")
    assert done.code == 1 and "rejected" in done.err
    assert steps(done.log)[-2:] == ["resource update haproxy pgport=5432", "push"]


def test_a_role_that_is_not_known_is_no_primary(world: World) -> None:
    moving(world, "").put("role", "")
    done = world.run("restart")
    assert done.code and "stop" not in done.log


def test_paf_gets_its_port_in_maintenance_mode(world: World) -> None:
    """A refresh outside of it would demote HAProxy, and stop a virtual IP."""
    world.put("left-alone")
    world.put("listening", "srv1", "srv2", "srv3")
    done = world.run("end")
    assert done.code == 0, done.err
    assert [line for line in done.log if line != "push"] == [
        "crm_attribute --name maintenance-mode --update true",
        "resource update pgsqld pgport=5434",
        "resource meta pgsqld-clone maintenance=",
        "crm_resource --refresh --resource pgsqld-clone",
        "crm_resource --wait --timeout=1",
        "crm_attribute --name maintenance-mode --delete",
        "crm_resource --wait --timeout=1",
    ]


def test_the_end_comes_when_all_have_moved(world: World) -> None:
    world.put("listening", "srv1", "srv2")
    done = world.run("end")
    assert done.code == 1 and "PostgreSQL on srv3" in done.err and done.log == []


@pytest.mark.parametrize("missing", ["srv1 Promoted", "srv3"])
def test_pacemaker_gets_back_only_what_it_has_found(world: World, missing: str) -> None:
    world.put("listening", "srv1", "srv2", "srv3")
    located = (world.place / "located").read_text()
    assert missing in located
    lost = "/srv3/d" if missing == "srv3" else "s/ Promoted//"
    (world.place / "bin/crm_attribute").write_text(
        f'#!/bin/bash\necho "$*" >>"$WORLD/log"\nsed -i "{lost}" "$WORLD/located"\n'
    )
    done = world.run("end")
    assert done.code == 1 and "maintenance mode" in done.err
    assert "--name maintenance-mode --delete" not in done.log


def test_a_shell_that_still_has_the_old_port(world: World) -> None:
    done = world.run("prepare", PGPORT="5432")
    assert done.code == 1 and "unset PGPORT" in done.err and done.log == []


def test_what_is_not_a_step(world: World) -> None:
    assert world.run("moved").code == 2
