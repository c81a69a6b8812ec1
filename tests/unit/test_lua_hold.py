"""How the first connections to a new HAProxy process wait (hold.lua), with a clock of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.tools import ROOT

WORLD = Path(__file__).parents[1] / "tools" / "lua_world.lua"
START = f"""
dofile("{WORLD}")
function core.register_service() end
function core.register_action(_, _, call) begin = call end
statuses, taken = {{ prod = "UP", replication = "UP" }}, 0
core.proxies.replication = {{ servers = {{}} }}
for _, pool in ipairs({{ "prod", "replication" }}) do
    core.proxies[pool].servers = {{
        srv1 = {{ get_stats = function() return {{ status = "MAINT", scur = 0 }} end }},
        srv2 = {{ get_stats = function() return {{ status = statuses[pool], scur = 0 }} end }},
        hold = {{ get_stats = function() return {{ status = "UP", scur = taken }} end }},
    }}
end
world.load("{ROOT / "haproxy"}", "shared", "hold")

-- Prints for how many ms a connection waits, and whether the next one will be asked too.
function connect(pool)
    core.register_task(function()
        local began, begun = world.now(), false
        local txn = {{ f = {{ fe_name = function() return pool end }} }}
        function txn:set_var(name) begun = begun or name == "proc.begun" end
        begin(txn)
        print(math.floor((world.now() - began) * 1000 + 0.5), begun)
    end)
    world.run(world.now() + 5)
end
"""


def lua(text: str) -> list[str]:
    environment = os.environ | {
        "PAF_HOLD": "unix@hold.sock",
        "PAF_HOLD_REPLICATION": "unix@hold-replication.sock",
    }
    done = subprocess.run(
        ["lua5.3", "-"], input=START + text, env=environment, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("status", ["UP", "UP 1/2"])
def test_with_a_primary_a_client_does_not_wait_for_the_hold(status: str) -> None:
    assert lua(f'statuses.prod = "{status}"; connect("prod")') == ["0\tfalse"]


@pytest.mark.parametrize("status", ["DOWN", "MAINT", "DRAIN"])
def test_without_a_primary_it_waits_until_the_places_are_taken(status: str) -> None:
    later = f"""
    statuses.prod = "{status}"
    core.register_task(function() core.msleep(120); taken = 1 end)
    connect("prod")
    connect("prod")
    """
    assert lua(later) == ["150\ttrue", "0\ttrue"]


def test_each_pool_has_its_own_primary() -> None:
    assert lua('statuses.replication = "MAINT"; connect("replication")') == ["1000\ttrue"]


def test_a_primary_that_comes_up_meanwhile_ends_the_wait() -> None:
    text = """
    statuses.prod = "DOWN"
    core.register_task(function() core.msleep(120); statuses.prod = "UP" end)
    connect("prod")
    """
    assert lua(text) == ["150\tfalse"]
