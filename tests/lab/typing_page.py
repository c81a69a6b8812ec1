"""How a test types a section of docs/operations.md, and waits for what it does."""

from __future__ import annotations

import time
from collections.abc import Callable

from paf_lab import handbook
from paf_lab.cluster import promoted
from paf_lab.handbook import Block
from paf_lab.node import named
from tests.tools.waiting import eventually

TYPED: set[str] = set()
"""The sections that a test has typed."""


def section(name: str) -> list[Block]:
    """Returns what a section of the page has to type."""
    found = [block for block in handbook.blocks() if block.section == name]
    assert found, f"no section {name} has anything to type"
    TYPED.add(name)
    return found


def lines(name: str) -> list[str]:
    """Returns the commands of a section that has one block."""
    (block,) = section(name)
    return block.commands


def typed(node: str, text: str, timeout: float = 180) -> str:
    return named(node).run("bash", "-ec", text, timeout=timeout).stdout


def status(node: str = "srv1") -> int:
    return named(node).run("paf-haproxy", "status", check=False, timeout=90).returncode


def soon(look: Callable[[], object], what: str, within: float = 60) -> None:
    """Waits for it without keeping the nodes from their work."""

    def slowly() -> object:
        time.sleep(0.5)
        return look()

    eventually(slowly, what, within)


def whole() -> None:
    soon(lambda: status() == 0, "paf-haproxy status ends with 0", 90)


def primary() -> str:
    name = promoted()
    assert name
    return name
