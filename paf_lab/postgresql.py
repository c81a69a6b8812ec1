"""PostgreSQL of all nodes restarted with other settings, while Pacemaker looks away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from .cluster import promoted
from .errors import LabError
from .layout import PGBIN, PGDATA
from .node import NODES, Node, named

FILE = f"{PGDATA}/lab.conf"
WRITE = f"""cat >{FILE}
grep -qs '^include.*lab.conf' {PGDATA}/postgresql.conf ||
    echo "include_if_exists = 'lab.conf'" >>{PGDATA}/postgresql.conf"""
MAINTENANCE = ("crm_attribute", "--name", "maintenance-mode")
WITHIN = 60.0  # s
REPLAYED = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()"


def agree() -> bool:
    """Returns whether Pacemaker, PostgreSQL and HAProxy of our topology agree on the primary."""
    done = named(primary()).run("paf-haproxy", "status", check=False)
    return done.returncode == 0


@contextlib.contextmanager
def settings(text: str, whole: Callable[[], bool] = agree) -> Iterator[None]:
    """Lets PostgreSQL run with more settings meanwhile: the lines of a postgresql.conf.

    whole: returns whether the cluster works again after a restart.
    """
    try:
        _restart(text, whole)
        yield
    finally:
        _restart("", whole)


def primary() -> str:
    """Returns the node that is promoted. Raises LabError if there is none."""
    found = promoted()
    if found is None:
        raise LabError("Pacemaker has promoted no PostgreSQL: lab status")
    return found


def _restart(text: str, whole: Callable[[], bool]) -> None:
    first = named(primary())
    # A standby must not have less of some things than its primary has, or had when it wrote.
    order = sorted(NODES, key=lambda node: (node is first) == bool(text))
    first.run(*MAINTENANCE, "--update", "true")
    try:
        for node in order:
            node.run("sh", "-c", WRITE, input=text, user="postgres")
            words = ("restart", "-s", "-w", "-m", "fast", "-D", PGDATA, "-l", "/dev/null")
            node.run(f"{PGBIN}/pg_ctl", *words, user="postgres", timeout=120)
            if node is first and not text:
                # A standby that has not replayed the change yet would not start with less.
                _await("the standbys have replayed all", lambda: _all_replayed(first))
    finally:
        first.run(*MAINTENANCE, "--delete")
    _await("all agree", whole)


def _all_replayed(leads: Node) -> bool:
    words = ("psql", "-XqAt", "-p", "5434", "-h", "/run/postgresql", "postgres", "-c", REPLAYED)
    return leads.run(*words, user="postgres", check=False).stdout.strip() == str(len(NODES) - 1)


def _await(what: str, seen: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN
    while not seen():
        if time.monotonic() > end:
            raise LabError(f"PostgreSQL was restarted, but not within {WITHIN:g} s: {what}")
        time.sleep(0.5)
