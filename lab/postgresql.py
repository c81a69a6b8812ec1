"""PostgreSQL of all nodes restarted with other settings, while Pacemaker looks away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import PurePath

from .cluster import promoted
from .errors import LabError
from .layout import PGBIN, PGDATA, POSTGRESQL, SUITE
from .node import NODES, named

FILE = f"/etc/postgresql/{POSTGRESQL[SUITE]}/main/conf.d/lab.conf"
MAINTENANCE = ("crm_attribute", "--name", "maintenance-mode")
AGREED_WITHIN = 60.0  # s


@contextlib.contextmanager
def settings(text: str) -> Iterator[None]:
    """Lets PostgreSQL run with more settings meanwhile: the lines of a postgresql.conf."""
    try:
        _restart(text)
        yield
    finally:
        _restart("")


def primary() -> str:
    """Returns the node that is promoted. Raises LabError if there is none."""
    found = promoted()
    if found is None:
        raise LabError("Pacemaker has promoted no PostgreSQL: lab status")
    return found


def _restart(text: str) -> None:
    first = named(primary())
    # A standby must not have less of some things than its primary has, or had when it wrote.
    order = sorted(NODES, key=lambda node: (node is first) == bool(text))
    first.run(*MAINTENANCE, "--update", "true")
    try:
        for node in order:
            node.run("mkdir", "-p", str(PurePath(FILE).parent))
            node.run("sh", "-c", 'cat >"$1"', "sh", FILE, input=text)
            words = ("restart", "-s", "-w", "-m", "fast", "-D", PGDATA, "-l", "/dev/null")
            node.run(f"{PGBIN}/pg_ctl", *words, user="postgres", timeout=120)
    finally:
        first.run(*MAINTENANCE, "--delete")
    end = time.monotonic() + AGREED_WITHIN
    while first.run("paf-haproxy", "status", check=False).returncode:
        if time.monotonic() > end:
            raise LabError("not all agree after PostgreSQL was restarted: paf-haproxy status")
        time.sleep(0.5)
