"""The table that HAProxy's Lua files share: shared.lua says which file owns which part of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tools import ROOT

FILES = sorted((ROOT / "haproxy").glob("*.lua"))
DECLARED = re.compile(r"^--     (\w+): ([\w ]+)$", re.MULTILINE)
SET = re.compile(r"^\s*(?:function paf\.(\w+)\(|paf\.(\w+)(?:, paf\.\w+)* = )", re.MULTILINE)
USED = re.compile(r"\bpaf\.(\w+)")


def declared() -> dict[str, str]:
    """Returns the owner of each part."""
    text = (ROOT / "haproxy" / "shared.lua").read_text()
    return {name: owner for owner, names in DECLARED.findall(text) for name in names.split()}


def parts_set(file: Path) -> set[str]:
    """Returns the parts that a file sets at its top level or in its functions."""
    return {one or other for one, other in SET.findall(file.read_text())}


def test_there_is_something() -> None:
    assert len(FILES) > 15 and len(declared()) > 40


def test_every_part_is_declared_and_used() -> None:
    used = {name for file in FILES for name in USED.findall(file.read_text())}
    assert used == set(declared())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_sets_only_what_it_owns(file: Path) -> None:
    owners = declared()
    assert {name: owners.get(name) for name in parts_set(file)} == dict.fromkeys(
        parts_set(file), file.stem
    )
