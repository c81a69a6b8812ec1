"""Which standbys follow their primary."""

from __future__ import annotations

from .node import Node

PSQL = ("psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", "-")
"""How SCRIPT is run; where to connect to comes on top of it."""
LOCAL = ("-h", "/run/postgresql,/run/postgresql", "-p", "5434,5432")
"""Where an instance of the lab's listens: `lab migrate` begins with one on 5432."""
SCRIPT = """\
SELECT pg_current_wal_lsn() AS before \\gset
SELECT pg_sleep(0.5) \\g /dev/null
SELECT application_name, sync_state FROM pg_stat_replication
WHERE state = 'streaming' AND flush_lsn BETWEEN :'before' AND pg_current_wal_lsn();
"""
"""Asks a primary for the standbys that have what it had half a second ago, and not more.

To be in state streaming is not enough. A standby that has WAL from beyond the place where the
primary's timeline forked off is let in, streams nothing, is sent away and comes again, ten times a
second; it is seen streaming now and then.
"""


def followers(text: str) -> dict[str, str]:
    """Returns the standbys in the answer to SCRIPT, with their sync_state."""
    return dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)


def ask(primary: Node) -> dict[str, str]:
    """Returns the followers of one of the lab's nodes; none if it does not answer."""
    words = (*PSQL, *LOCAL)
    return followers(primary.run(*words, user="postgres", input=SCRIPT, check=False).stdout)
