"""Sessions that have waited in the queue are closed like all others, although HAProxy's own command
leaves them out.
"""

from __future__ import annotations

import psycopg2
import pytest

from tests.func.test_hold import leaderless, queued
from tests.tools.instance import WHO, connect, query
from tests.tools.node import PROD, Cluster
from tests.tools.waiting import Waiting, eventually

__all__ = ["leaderless"]


def test_they_end_when_the_primary_is_another_one(leaderless: Cluster) -> None:
    node = leaderless.srv2
    client = Waiting(lambda: connect(node.address, PROD))
    eventually(lambda: queued(node) == 1, "it waits")
    node.notify("pre-promote", promote=["srv1"])
    session = client.end()
    try:
        assert query(session, WHO) == "srv1"
        node.notify("post-promote", promote=["srv1"])
        assert query(session, WHO) == "srv1", "it goes on"
        # PostgreSQL on srv1 runs on, so only HAProxy can end the session.
        node.notify("post-promote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
        with pytest.raises(psycopg2.OperationalError):
            query(session, WHO)
    finally:
        session.close()
