"""How long a standby that was down gets no readers of its own node, with a clock of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.tools import ROOT

WORLD = Path(__file__).parents[1] / "tools" / "lua_world.lua"
START = f"""
dofile("{WORLD}")
world.load("{ROOT / "haproxy"}", "shared", "probation", "protocol", "postgres_session")
function paf.fit_of() end
for number = 1, NODES do
    world.add("srv" .. number, "192.0.2." .. number)
end
"""


def lua(text: str, nodes: int = 3) -> list[str]:
    """Runs a text on srv1. nodes: how many standbys serve, with this one."""
    script = START.replace("NODES", str(nodes)) + text
    socket = "unix@/nowhere/.s.PGSQL.5434"
    environment = os.environ | {"PAF_NODE": "srv1", "PAF_ROLE_PORT": "5435", "PAF_PGSOCKET": socket}
    done = subprocess.run(
        ["lua5.3", "-"], input=script, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def waits(role: str, age: str, nodes: int = 3) -> list[bool]:
    """Returns whether it is on probation at once, and 6 s later, after the first answer of a new
    HAProxy process.
    """
    printed = lua(
        f"""
        paf.note_return("{role}", {age})
        print(paf.on_probation())
        world.run(6)
        paf.note_return("{role}")
        print(paf.on_probation())
        """,
        nodes,
    )
    return [line == "true" for line in printed]


@pytest.mark.parametrize("age", ["0.1", "4.9"])
def test_one_that_has_just_begun_waits(age: str) -> None:
    assert waits("standby", age) == [True, False]


@pytest.mark.parametrize(
    ("role", "age"),
    [("standby", "5"), ("standby", "86400"), ("standby", "nil"), ("production", "1")],
)
def test_others_do_not(role: str, age: str) -> None:
    """A reload must not end sessions, and a primary is another matter."""
    assert waits(role, age) == [False, False]


def test_the_only_standby_waits_only_until_the_others_are_known() -> None:
    """In its first second HAProxy does not know which other standbys serve."""
    printed = lua(
        """
        paf.note_return("standby", 0.1)
        for _, at in ipairs({ 0.1, 1.9, 2.1 }) do
            world.run(at)
            print(paf.on_probation())
        end
        """,
        nodes=1,
    )
    assert printed == ["true", "true", "false"]


def test_the_only_standby_that_was_seen_down_does_not_wait() -> None:
    printed = lua(
        """
        paf.note_return("down")
        paf.note_return("standby", 0.1)
        print(paf.on_probation())
        """,
        nodes=1,
    )
    assert printed == ["false"]


def test_a_session_asks_for_the_age_once() -> None:
    asked = lua(
        """
        paf.session.listening = function() return "1" end
        paf.protocol.login = function() return {} end
        paf.protocol.query = function(_, text)
            print(text:find("pg_postmaster_start_time") ~= nil)
            core.msleep(200)
            return text:find("pg_postmaster_start_time") and { "t", "1.5" } or { "t" }
        end
        local heard = 0
        core.register_task(function()
            paf.session.converse({
                wanted = function() return heard < 3 end,
                answered = function(role, age)
                    heard = heard + 1
                    print(role .. " " .. tostring(age))
                end,
                facts = function() return false end,
            })
        end)
        world.run(5)
        """
    )
    assert asked == ["true", "standby 1.5", "false", "standby nil", "false", "standby nil"]
