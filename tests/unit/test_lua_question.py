"""How HAProxy's Lua code asks a node that cannot be connected to, with a clock of its own.

HAProxy 2.6 reports a refused connection at once. Several later versions try it again for 3 s.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.tools import ROOT

WORLD = Path(__file__).parents[1] / "tools" / "lua_world.lua"
START = f"""
dofile("{WORLD}")
world.load("{ROOT / "haproxy"}", "shared", "other_nodes", "node_question")
paf.memory = {{ settled_primary = function() return nil end }}
function paf.trusted() return nil end
function paf.on_change() end
function paf.returning() return false end
world.add("srv1", "192.0.2.1")
world.add("srv2", "192.0.2.2")
function refused_at_once() return 0, false end
function refused_for_3_s() return 3, false end
function silent(socket) return socket.within, false end -- a node without power
function silent_4_times(socket) return 4 * socket.within, false end
function served() return 0.001, true end

-- The first time in s, to 0.01 s, at which a condition holds.
function moment(holds, latest)
    while not holds() do
        assert(world.now() < latest, "not within " .. latest .. " s")
        world.run(world.now() + 0.01)
    end
    return world.now()
end
function failing() return paf.others.failing("srv2") end
function answers() return paf.others.fresh("prod", "srv2") ~= nil end

world.connect = served
moment(answers, 2)
-- The node's HAProxy ends, and with it the open connection.
world.answer, world.connect = nil, REFUSAL
ended = moment(function() return world.sockets[1].ended end, 10)
"""


def lua(refusal: str, text: str) -> list[str]:
    """Runs a text on srv1, after the HAProxy of srv2 has ended. refusal: what becomes of a
    connection to it. Returns the lines that were printed.
    """
    script = START.replace("REFUSAL", refusal) + text
    environment = os.environ | {"PAF_NODE": "srv1", "PAF_ROLE_PORT": "5435"}
    done = subprocess.run(
        ["lua5.3", "-"], input=script, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


WAYS = ["refused_at_once", "refused_for_3_s", "silent", "silent_4_times"]


@pytest.mark.parametrize("refusal", WAYS)
def test_a_node_that_cannot_be_connected_to_counts_as_silent_soon(refusal: str) -> None:
    (after,) = lua(refusal, "print(moment(failing, ended + 10) - ended)")
    assert float(after) < 0.35


@pytest.mark.parametrize("refusal", WAYS)
def test_one_that_is_back_answers_soon(refusal: str) -> None:
    """HAProxy is back 0.2 s later, after a crash. Retries of HAProxy itself would last longer."""
    (after,) = lua(
        refusal,
        """
        world.run(ended + 0.2)
        world.answer, world.connect = "up;down;\\n", served
        moment(function() return paf.others.fresh("prod", "srv2") == "up\\n" end, ended + 10)
        print(world.now() - ended)
        """,
    )
    long_polling = 0.9
    assert float(after) < 0.2 + 0.35 + long_polling


@pytest.mark.parametrize("refusal", WAYS)
def test_each_failure_counts_once(refusal: str) -> None:
    """After 0.1 s, 0.2 s, ... the node is asked again; one connection makes one failure."""
    attempts, failures = lua(
        refusal,
        """
        local learn, failures = paf.others.learn, 0
        paf.others.learn = function(node, pool, answer)
            failures = failures + (answer and 0 or 1)
            return learn(node, pool, answer)
        end
        world.run(ended + 12.05)
        print(#world.sockets - 1)
        print(failures)
        """,
    )
    assert int(attempts) - 1 <= int(failures) <= int(attempts)
    assert 10 < int(attempts) < 25


def test_connections_that_are_left_alone_stay_few() -> None:
    """None of them is used later, and each is closed when HAProxy gives up or connects."""
    counts = lua(
        "refused_for_3_s",
        """
        for second = 10, 60, 10 do
            world.run(ended + second)
            print(world.open())
        end
        world.answer, world.connect = "up;down;\\n", served
        world.run(world.now() + 10)
        print(world.open())
        """,
    )
    assert all(1 <= int(count) <= 4 for count in counts[:-1])
    assert counts[-1] == "1"


def test_a_connection_that_comes_too_late_is_closed() -> None:
    asked, still_open = lua(
        "function() return 0.5, true end",
        """
        world.answer = "up;down;\\n"
        world.run(ended + 20)
        local asked = 0
        for number, socket in ipairs(world.sockets) do
            asked = asked + (number > 1 and socket.asked and 1 or 0)
        end
        print(asked)
        print(world.open())
        """,
    )
    assert asked == "0"
    assert int(still_open) <= 1


def test_a_single_question_has_a_limit() -> None:
    (took, line) = lua(
        "refused_for_3_s",
        """
        core.register_task(function()
            local began = world.now()
            local line = paf.ask_node(core.proxies["prod"].servers["srv2"], "facts", 1)
            print(world.now() - began)
            print(line)
        end)
        world.run(ended + 5)
        """,
    )
    assert 0.99 < float(took) < 1.05
    assert line == "nil"


def test_a_single_question_is_answered() -> None:
    (line,) = lua(
        "served",
        """
        world.answer = "facts\\n"
        core.register_task(function()
            print(paf.ask_node(core.proxies["prod"].servers["srv2"], "facts", 1))
        end)
        world.run(world.now() + 2)
        """,
    )
    assert line == "facts"


@pytest.mark.parametrize(
    ("status", "check", "answer"),
    [("UP", "INI", "up"), ("UP", "L4OK", "up"), ("UP", "L4CON", "down"), ("DOWN", "INI", "down")],
)
def test_a_standby_that_was_up_before_a_reload_stays_up(
    status: str, check: str, answer: str
) -> None:
    """Its HAProxy has not answered the new process, and Pacemaker has no settled primary."""
    (line,) = lua(
        "refused_at_once",
        f"""
        local stats = {{ status = "{status}", check_status = "{check}" }}
        world.connect = refused_at_once
        world.add("srv3", "192.0.2.3")
        core.proxies["stdby"].servers["srv3"].get_stats = function() return stats end
        paf.others.learn("srv3", "stdby", nil)
        print((paf.fit_of("stdby", "srv3", true):gsub("\\n", "")))
        """,
    )
    assert line == answer
