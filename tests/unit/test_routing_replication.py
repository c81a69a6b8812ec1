"""The replication pool follows prod: its sessions end with those of prod, its maintenance, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from paf_haproxy.routing import (
    DRAIN,
    MAINT,
    PROD,
    READY,
    REPLICATION,
    closing,
    commands,
)

if TYPE_CHECKING:
    pass

FOLLOWS = {(REPLICATION, "srv1"): READY, (REPLICATION, "srv3"): MAINT}


def test_sessions_of_the_replication_pool_end_with_those_of_prod() -> None:
    """srv2 is the local node: the replication pool has no server for it."""
    have = {(PROD, "srv1"): DRAIN, (PROD, "srv2"): DRAIN, **FOLLOWS}
    want = {(PROD, "srv1"): MAINT, (PROD, "srv2"): MAINT}
    assert commands(have, want) == [
        "set server prod/srv1 state maint",
        "shutdown sessions server prod/srv1",
        "shutdown sessions server replication/srv1",
        "set server prod/srv2 state maint",
        "shutdown sessions server prod/srv2",
    ]


def test_sessions_to_lost_nodes_are_closed_in_both_pools() -> None:
    have = {(PROD, "srv1"): DRAIN, (PROD, "srv2"): DRAIN, **FOLLOWS}
    assert closing(have, ("srv2", "srv1", "srv9")) == [
        "shutdown sessions server prod/srv1",
        "shutdown sessions server replication/srv1",
        "shutdown sessions server prod/srv2",
    ]


@pytest.mark.parametrize(("state", "up"), [(READY, True), (READY, False), (DRAIN, False)])
def test_a_follower_that_a_reload_left_in_maintenance(state: str, up: bool) -> None:
    """It leaves maintenance when the server that it follows does."""
    have = {(PROD, "srv3"): state, **FOLLOWS}
    want = {(PROD, "srv3"): READY}
    down = [] if up else ["set server prod/srv3 agent down"]
    assert commands(have, want, {(PROD, "srv3")} if up else set()) == [
        "set server prod/srv3 state maint",
        *down,
        "set server prod/srv3 state ready",
    ]
    have[REPLICATION, "srv3"] = READY
    assert len(commands(have, want)) == (0 if state == READY else 1)


def test_a_follower_in_maintenance_is_right_unless_its_server_should_be_ready() -> None:
    have = {(PROD, "srv3"): DRAIN, **FOLLOWS}
    assert commands(have, {(PROD, "srv3"): DRAIN}) == []
    have[PROD, "srv3"] = MAINT
    assert commands(have, {(PROD, "srv3"): MAINT}) == []
