"""When HAProxy writes that this node has missed a change of primary: missed_change.lua, run without
HAProxy.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from tests.tools import ROOT

# srv3, whose HAProxy looks eight times a second of a clock that stands still otherwise.
HARNESS = """
local now, statuses, answers, role = 100, {}, {}, "standby"
local function server(name)
    return { get_stats = function() return { status = statuses[name] } end }
end
core = { warning = 1, proxies = { prod = { servers = {} } } }
function core.log(_, text)
    print("log " .. text)
end
for _, name in ipairs({ "srv1", "srv2", "srv3" }) do
    core.proxies.prod.servers[name], statuses[name] = server(name), "MAINT"
end
paf = {
    seconds = function() return now end,
    nodes = function() return { "srv1", "srv2", "srv3" } end,
    confirmed_role = function() return role end,
    others = { fresh = function(pool, node) assert(pool == "prod"); return answers[node] end },
    memory = { note_missed = function(node) print(string.format("%.1f %s", now - 100, node)) end },
}
dofile(arg[1])
local function look(seconds, since)
    since = since or 100
    for _ = 1, seconds * 8 do
        paf.look_for_change(since)
        now = now + 0.125
    end
end
statuses.srv1 = "DOWN (agent)"
"""


def run(script: str) -> Sequence[str]:
    """Returns the notes, 'SECONDS NODE', and the lines of the log, 'log TEXT'."""
    path = ROOT / "haproxy" / "missed_change.lua"
    done = subprocess.run(
        ["lua5.3", "-", str(path)],
        input=HARNESS + script,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "PAF_NODE": "srv3"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def notes(script: str) -> list[str]:
    return [line for line in run(script) if not line.startswith("log ")]


def test_another_node_is_the_primary() -> None:
    note, *more = run('answers.srv2 = "up\\n"; look(3)')[::-1]
    assert note == "2.0 srv2"
    assert more == [
        "log PostgreSQL on srv2 says that it is the primary, and prod has served nobody for 2 s:"
        " the agent asks Pacemaker"
    ]


def test_the_local_node_is_the_primary() -> None:
    assert notes('role = "production"; look(3)') == ["2.0 srv3"]


def test_a_primary_that_comes_late() -> None:
    assert notes('look(4); answers.srv2 = "up\\n"; look(1)') == ["4.0 srv2"]


def test_nobody_says_so() -> None:
    assert notes('answers.srv2 = "down\\n"; look(10)') == []


def test_a_primary_that_is_armed_or_drained() -> None:
    """A notification has told this node of the change."""
    for status in ("DOWN (agent)", "DOWN", "DRAIN", "NOLB"):
        assert notes(f'answers.srv2 = "up\\n"; statuses.srv2 = "{status}"; look(10)') == []


def test_notes_become_rare() -> None:
    found = notes('answers.srv2 = "up\\n"; look(120)')
    assert found == ["2.0 srv2", "7.0 srv2", "17.0 srv2", "37.0 srv2", "77.0 srv2", "117.0 srv2"]


def test_the_log_has_it_once() -> None:
    lines = run('answers.srv2 = "up\\n"; look(60)')
    assert sum(line.startswith("log ") for line in lines) == 1


def test_it_begins_anew_after_prod_has_served() -> None:
    lines = run('answers.srv2 = "up\\n"; look(10); now = 200; look(3, 200)')
    assert [line for line in lines if not line.startswith("log ")][-1] == "102.0 srv2"
    assert sum(line.startswith("log ") for line in lines) == 2
