"""Lua asks PostgreSQL for as long as HAProxy runs, whatever becomes of a socket."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.tools import TEMPLATE
from tests.tools.node import Cluster
from tests.tools.waiting import eventually

FIRST = "    lua-load {{ lua }}/shared.lua\n"
# What HAProxy does if a socket has ended a moment ago, here at every tenth use of a socket.
BRITTLE = """
local tcp, calls = core.tcp, 0
local tally = io.open("TALLY", "w") -- while HAProxy is root
tally:setvbuf("no")
function core.tcp()
    local socket = tcp()
    local brittle = { close = function() socket:close() end }
    for _, name in ipairs({ "settimeout", "send" }) do
        brittle[name] = function(_, ...)
            calls = calls + 1
            if calls % 10 == 0 then
                tally:write(".")
                error("socket: not yet initialised, you can't set timeouts.")
            end
            return socket[name](socket, ...)
        end
    end
    return setmetatable(brittle, { __index = function(_, name)
        return function(_, ...) return socket[name](socket, ...) end
    end })
end
"""


def test_an_error_of_a_socket_ends_no_task(running: Cluster, tmp_path: Path) -> None:
    brittle, tally = tmp_path / "brittle.lua", tmp_path / "tally"
    brittle.write_text(BRITTLE.replace("TALLY", str(tally)))
    template = tmp_path / "brittle.j2"
    text = TEMPLATE.read_text()
    assert text.count(FIRST) == 1
    template.write_text(text.replace(FIRST, f"    lua-load {brittle}\n{FIRST}"))
    node = running.srv1
    node.params["template"] = str(template)
    node.do("reload")
    eventually(lambda: tally.stat().st_size >= 3, "three sockets have failed", within=20)
    assert node.tells() == "production"
    node.postgres.stop()
    try:
        eventually(lambda: node.tells() == "down", "it asks on")
    finally:
        node.postgres.start()
    eventually(lambda: node.tells() == "production", "and on")


def test_haproxy_does_not_warn_of_lua(running: Cluster) -> None:
    """From 3.1 on it does, if tune.lua.bool-sample-conversion is not set."""
    node = running.srv1
    words = [node.program, "-c", "-f", str(node.statedir / "haproxy.cfg")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "tune.lua" not in done.stdout + done.stderr
