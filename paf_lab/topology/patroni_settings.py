"""PostgreSQL under Patroni restarted with other settings: the dynamic configuration is changed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping

from ..errors import LabError
from ..node import NODES, Node
from .base import Topology

CONFIGURATION = "etc/patroni/config.yml"
TAKEN_WITHIN = 150.0
"""s until Patroni has written a change into the configuration of each node, and restarted all. It
looks each loop_wait s (10 by default)."""
LOOK_EVERY = 3.0  # s
TAKEN = """SELECT count(*) FILTER (WHERE sourcefile LIKE '%/postgresql.conf'),
    count(*) FILTER (WHERE pending_restart)
FROM pg_settings WHERE name IN ({names})"""
"""Patroni writes its parameters into postgresql.conf, and includes what was there before."""
UNSET = "null"
"""Takes a parameter out of the dynamic configuration."""


@contextlib.contextmanager
def settings(patroni: Topology, text: str) -> Iterator[None]:
    """Lets PostgreSQL run with more settings meanwhile. text: the lines of a postgresql.conf."""
    values = parameters(text)
    try:
        _change(patroni, values)
        yield
    finally:
        _change(patroni, dict.fromkeys(values, UNSET))


def parameters(text: str) -> dict[str, str]:
    """Returns the values of lines such as "shared_buffers = 1GB". Pure."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip().strip("'") for name, _, value in pairs}


def edit(values: Mapping[str, str]) -> list[str]:
    """Returns the words of patronictl that change parameters of all nodes. Pure."""
    words = [word for name, value in values.items() for word in ("--pg", f"{name}={value}")]
    return ["edit-config", "--quiet", "--force", *words, "lab"]


def _change(patroni: Topology, values: Mapping[str, str]) -> None:
    """Returns once every instance runs with the new values, and the cluster is whole."""
    node = next(node for node in NODES if node.running)
    _patronictl(node, *edit(values))
    end = time.monotonic() + TAKEN_WITHIN
    while late := [each.name for each in NODES if not _taken(each, values)]:
        if time.monotonic() > end:
            raise LabError(f"Patroni has not changed {', '.join(values)} on {late[0]}: lab status")
        time.sleep(LOOK_EVERY)
        # With a primary_start_timeout of 0, Patroni would take the restart for a crash.
        _patronictl(node, "restart", "--force", "--pending", "--timeout", "60", "lab", check=False)
    patroni.await_whole()


def _taken(node: Node, values: Mapping[str, str]) -> bool:
    """Returns whether the instance of a node knows the values, and waits for no restart."""
    names = ", ".join(f"'{name}'" for name in values)
    wanted = 0 if UNSET in values.values() else len(values)
    words = ("psql", "-XAtp", "5434", "-c", TAKEN.format(names=names))
    return node.run(*words, user="postgres", check=False).stdout.strip() == f"{wanted}|0"


def _patronictl(node: Node, *words: str, check: bool = True) -> None:
    node.run("patronictl", "-c", f"/{CONFIGURATION}", *words, check=check, timeout=240)
