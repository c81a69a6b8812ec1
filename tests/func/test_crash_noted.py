"""What HAProxy writes when PostgreSQL has ended. systemd then starts the agent, and in the lab
`lab drill kill-postgres` sees the rest.
"""

from __future__ import annotations

import os
import signal

import pytest

from tests.tools.node import Cluster, Node
from tests.tools.waiting import always, eventually

pytestmark = pytest.mark.usefixtures("fresh")


def ended(node: Node) -> str:
    path = node.statedir / "memory" / "ended"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("name", ["srv1", "srv2"])
def test_a_crash_is_noted(name: str, running: Cluster) -> None:
    node = getattr(running, name)
    role = {"srv1": "production", "srv2": "standby"}[name]
    node.postgres.kill()
    eventually(lambda: ended(node).endswith(f" {role}\n"), "HAProxy notes it", within=2)


def test_a_primary_that_is_handed_over_is_not(running: Cluster) -> None:
    """The switchover has more urgent things to do."""
    srv1 = running.srv1
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    srv1.postgres.stop()
    always(lambda: not ended(srv1), "nothing is noted", during=1)


def test_a_backend_that_is_killed_is_not(running: Cluster) -> None:
    """PostgreSQL restarts its processes itself, and listens meanwhile."""
    srv1 = running.srv1
    session = srv1.postgres.connect()
    with session.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        os.kill(cursor.fetchone()[0], signal.SIGKILL)
    running.srv2.await_up("prod/srv1", within=20)
    assert not ended(srv1)
