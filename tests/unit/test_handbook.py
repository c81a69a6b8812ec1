"""docs/operations.md is read as a person would read it."""

from __future__ import annotations

import re

from paf_lab import handbook
from paf_lab.image import RECIPES, path
from paf_lab.migration import WAYS

NAMES = ("srv1", "srv2", "srv3")
PAGE = """# Title

Some words.

## Install

Put this into `/root/settings.env`, mode 0600:

    export ONE=1

    export TWO=2

On every node:

    apt-get install -y --no-install-recommends one two-2 ./mine.deb    # and a word

srv1 is the primary. On srv2 and srv3, copies:

    copy srv1

## Other

    look
"""


def test_what_is_typed_and_where() -> None:
    found = handbook.blocks(PAGE)
    assert [block.text.splitlines()[0].split()[0] for block in found] == [
        "export", "export", "apt-get", "copy", "look"
    ]  # fmt: skip
    assert [block.section for block in found] == [*["Install"] * 4, "Other"]
    assert found[0].file == "/root/settings.env"
    assert [block.where(NAMES) for block in found[2:]] == [list(NAMES), ["srv2", "srv3"], ["srv1"]]
    assert not any(block.file for block in found[2:])


def test_a_node_is_no_part_of_another_name() -> None:
    (block,) = handbook.blocks("On srv1 and srv10:\n\n    true\n")
    assert block.where(("srv1", "srv10", "srv100")) == ["srv1", "srv10"]


def test_the_page_itself() -> None:
    found = handbook.blocks()
    sections = {section for way in WAYS.values() for section in way.sections}
    assert {"Install", *sections} < {block.section for block in found}
    files = [(block.section, block.file) for block in found if block.file]
    env = "/root/paf-haproxy.env"
    assert files == [("Install", env), ("Migrating a single instance", env)]
    assert "postgresql-15" in handbook.packages()
    assert not [word for word in handbook.packages() if "/" in word or word.startswith("-")]


def test_the_standbys_change_over_on_every_node() -> None:
    """In a migration, too: an address that goes away must not be in use on any of them."""
    found = [block for block in handbook.blocks() if "primary_conninfo" in block.text]
    assert [block.section for block in found] == [
        "Standbys that still use port 5432",
        "Migrating from the polled setup",
        "Migrating from a virtual IP",
    ]
    assert [block.where(NAMES) for block in found] == [list(NAMES)] * len(found)


def test_the_nodes_are_in_the_last_sentence() -> None:
    """A paragraph that names them earlier is read as if it named none."""
    for block in handbook.blocks():
        *earlier, last = re.split(r"(?<=\.)\s", block.intro)
        named = any("every node" in each or handbook.NODE.search(each) for each in earlier)
        here = "every node" in last or handbook.NODE.search(last)
        assert block.file or here or not named, block.intro


def test_each_image_is_another() -> None:
    assert len({path(kind) for kind in RECIPES}) == len(RECIPES) == 5
