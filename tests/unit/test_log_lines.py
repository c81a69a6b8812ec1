"""docs/operations.md explains every log line and every alarm, and says what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from paf_lab.layout import REPO
from tests.tools.loglines import Agent, Text, expression, words
from tests.tools.lua_loglines import of_lua

AGENT_PACKAGE = REPO / "lib" / "paf_haproxy"
PYTHON = sorted([*AGENT_PACKAGE.glob("*.py"), *AGENT_PACKAGE.glob("actions/*.py")])
LUA = sorted((REPO / "haproxy").glob("*.lua"))
OURS = "HAProxy's own lines"
"""The heading of the table for the lines of the Lua files."""
LINES = re.compile(r"`([^`]+)`")
NOT_LOGGED = {
    "a transition is under way": "crash.py makes another attempt",
    "it has been reported": "crash.py logs a report once",
    "this node does not know the request '...': upgrade paf-haproxy here": "answer of request.py",
    "PostgreSQL on this node: ...": "answer of request.py",
    "... has not answered '...' within ... s: is resource ... monitored there, by this version of"
    " paf-haproxy?": "paf-haproxy switchover prints it",
    "... gave an answer that is cut off: ...": "paf-haproxy switchover prints it",
}
"""Reasons that never reach the log, and where they go instead."""


class Row(NamedTuple):
    """A row of a table: the heading of its section, and its cells."""

    heading: str
    cells: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        return LINES.findall(self.cells[0])


def section(heading: str) -> str:
    text = (REPO / "docs" / "operations.md").read_text().partition(f"\n## {heading}\n")[2]
    assert text, heading
    return text.partition("\n## ")[0]


def rows(text: str) -> list[Row]:
    found, heading = [], ""
    for line in text.splitlines():
        if line.startswith("### "):
            heading = line[4:]
        elif line.startswith("| ") and not line.startswith(("| line |", "| alarm |")):
            found.append(Row(heading, tuple(cell.strip() for cell in line[1:-1].split("|"))))
    return found


AGENT = Agent(PYTHON)
LUA_LINES = of_lua(LUA)
ROWS = rows(section("Log lines"))
REASONS = {
    text for text in AGENT.found.reasons | AGENT.found.parts if text.pattern not in NOT_LOGGED
}


def without_row(texts: set[Text], lines: list[str], whole: bool) -> list[str]:
    """Returns the texts that no line of the tables contains. whole: the line has to be the text."""
    missing = []
    for text in sorted(texts):
        pattern = expression(text.pattern)
        if not any(pattern.fullmatch(line) if whole else pattern.search(line) for line in lines):
            missing.append(f"docs/operations.md lacks a row for {text}")
    return missing


def lines_of(own: bool) -> list[str]:
    return [line for row in ROWS if (row.heading == OURS) == own for line in row.lines]


def test_every_log_line_of_the_agent_has_a_row() -> None:
    assert len(AGENT.found.lines) > 50
    missing = without_row(AGENT.found.lines, lines_of(own=False), whole=True)
    assert not missing, "\n".join(missing)


def test_every_reason_has_a_row() -> None:
    assert len(REASONS) > 60
    missing = without_row(REASONS, lines_of(own=False), whole=False)
    assert not missing, "\n".join(missing)


def test_every_log_line_of_haproxy_has_a_row() -> None:
    assert len(LUA_LINES) > 5
    missing = without_row(LUA_LINES, lines_of(own=True), whole=True)
    assert not missing, "\n".join(missing)


def test_every_row_says_what_it_means_and_what_to_do() -> None:
    for row in ROWS:
        assert len(row.cells) == 3, f"a row has three cells: {row.cells}"
        assert row.lines, f"a line stands in backquotes: {row.cells[0]}"
        assert all(row.cells), f"what does it mean, and what to do: {row.cells[0]}"


def test_every_row_could_be_logged() -> None:
    sources = "".join(path.read_text() for path in [*PYTHON, *LUA])
    for row in ROWS:
        for line in row.lines:
            if row.heading == OURS:
                found = any(expression(each.pattern).fullmatch(line) for each in LUA_LINES)
            else:
                whole = any(expression(each.pattern).fullmatch(line) for each in AGENT.found.lines)
                found = whole or any(expression(each.pattern).search(line) for each in REASONS)
            assert found, f"no code logs {line!r}"
            for word in re.findall(r"[A-Za-z']{4,}", re.sub(r"/[\w/.-]+", "", line)):
                assert word in sources, f"no code has the word {word!r} of {line!r}"


def test_every_log_line_can_be_told_from_others() -> None:
    for text in AGENT.found.lines | AGENT.found.reasons | LUA_LINES:
        assert words(text.pattern), f"no words in {text}"


def test_nothing_else_writes_to_the_log() -> None:
    assert not list(AGENT.misused())


def test_every_reason_that_is_not_logged_is_in_the_code() -> None:
    patterns = {text.pattern for text in AGENT.found.reasons}
    assert set(NOT_LOGGED) <= patterns


def test_every_alarm_has_a_row() -> None:
    rules = (REPO / "docs" / "monitoring" / "alerts.yml").read_text()
    names = re.findall(r"- alert: (\w+)", rules)
    explained = {row.cells[0]: row.cells for row in rows(section("Alarms"))}
    assert len(names) > 5
    for name in names:
        assert name in explained, f"docs/operations.md lacks a row for alarm {name}"
        assert len(explained[name]) == 2 and explained[name][1], f"what to do: {name}"
    assert set(explained) == set(names), "each row names an alarm of alerts.yml"
    assert len(re.findall(r"action: \S", rules)) == len(names), "each alarm says what to do"


PROGRAM = """
from . import log
from .ocf import AgentError

class Mine(AgentError):
    pass

def why(code):
    if code:
        return f"it has code {code}"
    return "/run/path"

def act(notice, name, error):
    text = "first words"
    if name:
        text = f"other words of {name}"
    log.info(f"{text}, then more")
    log.warning("it failed: " + why(1))
    log.warning(f"act: {error.reason}")
    log.tell("only for a person")
    changed = why(2)
    changed += f"; {name} was added"
    log.info(f"{notice.event}: {name}; {changed}")
    raise Mine(f"no {name} here") from error
"""
VIEW = """
def announce(notice):
    return notice.event == "post-stop"
"""
OCF = """
class AgentError(Exception):
    def __init__(self, reason):
        super().__init__(reason)
"""


@pytest.fixture
def program(tmp_path: Path) -> Agent:
    for name, text in (("program", PROGRAM), ("view", VIEW), ("ocf", OCF)):
        (tmp_path / f"{name}.py").write_text(text)
    return Agent(tmp_path.glob("*.py"))


def test_a_text_becomes_a_pattern(program: Agent) -> None:
    assert {text.pattern for text in program.found.lines} == {
        "first words, then more",
        "other words of ..., then more",
        "it failed: ...",
        "post-stop: ...; ...",
    }
    assert {text.pattern for text in program.found.reasons} == {"no ... here"}
    assert {text.pattern for text in program.found.parts} == {
        "it has code ...",
        "... was added",
    }
    assert min(program.found.reasons).place == "program.py:24"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import syslog", "import syslog"),
        ("from .log import info", "from .log import info"),
        ("say = log.warning", "log.warning"),
        ("act(log.info)", "log.info"),
    ],
)
def test_another_way_to_the_log_is_found(tmp_path: Path, line: str, found: str) -> None:
    (tmp_path / "other.py").write_text(f"{line}\n")
    assert list(Agent(tmp_path.glob("*.py")).misused()) == [f"other.py:1: {found}"]


@pytest.mark.parametrize(
    ("call", "pattern"),
    [
        ('core.log(core.notice, "is " .. role .. ", was " .. before)', "is ..., was ..."),
        ('core.log(level(a, b), "a, b" .. tostring((...)) .. "c")', "a, b...c"),
        ('core.Warning("x" ..\n    node.name .. t["y"])', "x......"),
        ('core.log(core.info, NODE .. " (" .. string.format("%d", 3) .. ")")', "... (...)"),
    ],
)
def test_a_call_in_lua_becomes_a_pattern(tmp_path: Path, call: str, pattern: str) -> None:
    path = tmp_path / "some.lua"
    path.write_text(f"-- a comment\n{call}\nmore()\n")
    assert of_lua([path]) == {Text(pattern, "some.lua:2")}


def test_a_line_without_a_row_is_named() -> None:
    texts = {Text("PostgreSQL on ... is gone", "new.py:7")}
    assert without_row(texts, ["PostgreSQL on srv1 is gone, too"], whole=True) == [
        "docs/operations.md lacks a row for new.py:7: PostgreSQL on ... is gone"
    ]
    assert not without_row(texts, ["PostgreSQL on srv1 is gone, too"], whole=False)
