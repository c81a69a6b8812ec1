"""A switchover that is called off: the old primary serves again, and who waits for it is served."""

from __future__ import annotations

from paf_haproxy.routing import commands, wanted
from paf_haproxy.view import ClusterView

NODES = ("srv1", "srv2")
DURING = wanted(ClusterView("srv1", "srv2"), NODES)
BEFORE = wanted(ClusterView("srv1"), NODES)
READY = "set server prod/srv1 state ready"
MAINT = "set server prod/srv1 state maint"


def test_a_server_that_is_up_takes_who_waits() -> None:
    """HAProxy looks at the queue when a server comes up, and maintenance is the way to that."""
    lines = commands(DURING, BEFORE, up={("prod", "srv1")})
    assert lines[lines.index(READY) - 1] == MAINT
    assert not any("agent down" in line and "prod/srv1" in line for line in lines), "it stays up"


def test_a_server_that_is_down_comes_up_by_its_check() -> None:
    lines = commands(DURING, BEFORE)
    assert READY in lines
    assert MAINT not in lines


def test_a_reader_s_server_keeps_its_sessions() -> None:
    """In stdby, maintenance would end them."""
    lines = commands(DURING, BEFORE, up={("prod", "srv1"), ("stdby", "srv2")})
    assert "set server stdby/srv2 state ready" in lines
    assert "set server stdby/srv2 state maint" not in lines
