"""docs/operations.md, as somebody who types what stands there reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .layout import REPO

PAGE = REPO / "docs" / "operations.md"
INDENT = "    "
NODE = re.compile(r"\bsrv\d+\b(?![\w-])")
FILE = re.compile(r"into\s+`(/[^`]+)`")


@dataclass(frozen=True)
class Block:
    """Lines to type, and the paragraph before them, which says where."""

    section: str
    intro: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Its lines, without their comments."""
        return [line.partition(" #")[0].strip() for line in self.text.splitlines()]

    @property
    def file(self) -> str:
        """The file into which they go, if they are no commands; else ''."""
        found = FILE.search(self.intro)
        return found[1] if found else ""

    def where(self, names: Sequence[str]) -> list[str]:
        """Returns on which of these nodes they are typed: on the first if nothing is said."""
        last = re.split(r"(?<=\.)\s", self.intro)[-1]
        if "every node" in last:
            return list(names)
        return [name for name in names if name in NODE.findall(last)] or [names[0]]


def blocks(text: str | None = None) -> list[Block]:
    """Returns all that is to be typed, in the order of the page."""
    found: list[Block] = []
    section = intro = ""
    for paragraph in re.split(r"\n\n+", PAGE.read_text() if text is None else text):
        lines = paragraph.splitlines()
        if paragraph.startswith("#"):
            section = lines[0].lstrip("# ")
            intro = ""
        elif all(line.startswith(INDENT) for line in lines if line):
            typed = "\n".join(line[len(INDENT) :] for line in lines)
            found.append(Block(section, intro, typed))
        else:
            intro = " ".join(lines)
    return found


def packages() -> list[str]:
    """Returns the packages of the distribution's that the page installs."""
    words = [
        word
        for block in blocks()
        for line in block.commands
        if line.startswith("apt-get install")
        for word in line.split()[2:]
    ]
    return [word for word in words if not word.startswith(("-", ".", "/"))]
