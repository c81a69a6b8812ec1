"""The log lines of HAProxy's Lua files, read from their code: as loglines.py does for Python."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .loglines import GAP, Text

LUA_LOG = re.compile(r"\b(?:core|txn)[.:](?:log|Alert|Warning|Notice|Info|Debug)\b")
LUA_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\.\.)|([(){}])|(,)|(--[^\n]*|\s+)|([\w.:#]+|.)')


def of_lua(paths: Iterable[Path]) -> set[Text]:
    """Returns the log lines of the Lua files."""
    found = set()
    for path in paths:
        text = path.read_text()
        for match in LUA_LOG.finditer(text):
            number = text.count("\n", 0, match.start()) + 1
            found.add(Text(_lua_argument(text[match.end() :]), f"{path.name}:{number}"))
    return found


def _lua_argument(text: str) -> str:
    """Returns the pattern of the last argument of a call. text: from the parenthesis on."""
    assert text.startswith("("), f"core.log must be called where it is named: {text[:40]!r}"
    depth, pieces = 0, [""]
    for string, joint, bracket, comma, space, _ in LUA_TOKEN.findall(text):
        if bracket:
            depth += 1 if bracket in "({" else -1
            if not depth:
                break
            if bracket in "({" and depth > 1 and not pieces[-1]:
                pieces[-1] = GAP
        elif depth > 1 or space:
            continue
        elif comma:
            pieces = [""]  # that was the level
        elif joint:
            pieces.append("")
        elif string:
            pieces[-1] = string
        else:
            pieces[-1] = GAP
    return "".join(pieces)
