"""From the view of the cluster to the state of every server in HAProxy. Pure: no I/O, no clock.

Invariant, after every command and not only after the last: at most one server of `prod` is ready,
and what leaves `prod` leaves before anything enters it. Stopped anywhere, a node has no primary
rather than two.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from .view import ClusterView

    Server = tuple[str, str]
    """A server in HAProxy: pool and node, e.g. ('prod', 'srv1')."""

# The administrative states of a server (HAProxy Management Guide, "set server").
READY = "ready"
DRAIN = "drain"
MAINT = "maint"

PROD = "prod"
STDBY = "stdby"
SHUTDOWN = "shutdown sessions server "
REPLICATION = "replication"
"""The pool of the walreceiver. Its servers track those of prod: HAProxy itself gives them the same
state. The agent only closes their sessions.
"""
HOLD = "hold"
"""The server of prod and of replication behind which connections wait; no node."""


def wanted(
    view: ClusterView, nodes: Iterable[str], drained: Iterable[str] = ()
) -> dict[Server, str]:
    """Returns the state that each server of both pools should have.

    - prod: the primary is ready, or the candidate: armed, which is ready but down until PostgreSQL
      itself says that it is the primary. What leaves is drained: its sessions and the last of its
      WAL still pass.
    - stdby: all but the primary; a node that is about to be one takes no new sessions, and neither
      does one that a person drained. That holds for stdby alone: without its primary prod would
      serve nobody. A node that was about to be the primary, and is not any more (PAF has refused
      it), is a standby like before: if it were drained, too, readers might have nobody left.
    """
    drained = frozenset(drained)
    states: dict[Server, str] = {}
    for node in nodes:
        prod, stdby = MAINT, DRAIN if node in drained else READY
        if node in view.leaving:
            prod = DRAIN
        elif node == view.candidate:
            prod, stdby = READY, DRAIN
        elif node == view.primary:
            prod = READY
        if node == view.primary:
            stdby = MAINT
        states[PROD, node] = prod
        states[STDBY, node] = stdby
    return states


def commands(
    have: Mapping[Server, str], want: Mapping[Server, str], up: Container[Server] = ()
) -> list[str]:
    """Returns the runtime commands that turn `have` into `want`; servers unknown to HAProxy are
    left out. up: the servers that are up.

    Order: out of prod, out of stdby, into stdby, into prod. A server that enters is marked down
    first, and comes up with its first check that passes: from maintenance, HAProxy would take it
    for up at once if it was up before.
    """
    stuck = {server for server, state in want.items() if state == READY and _stuck(server, have)}
    changes = [(server, have[server], state) for server, state in want.items() if server in have]
    changes = [change for change in changes if change[1] != change[2] or change[0] in stuck]

    def turn(change: tuple[Server, str, str]) -> tuple[bool, bool, Server]:
        (pool, node), _, state = change
        entering = state == READY
        return entering, (pool == PROD) == entering, (pool, node)

    lines: list[str] = []
    for (pool, node), old, new in sorted(changes, key=turn):
        server = f"{pool}/{node}"
        if (pool, node) in stuck or _called_off(pool, old, new, (pool, node) in up):
            lines.append(f"set server {server} state {MAINT}")
        if old == MAINT or ((pool, node) in stuck and (pool, node) not in up):
            lines.append(f"set server {server} agent down")
        lines.append(f"set server {server} state {new}")
        if new == MAINT:
            # They would wait for a node that is gone, or go on where they must not.
            lines.append(SHUTDOWN + server)
            if pool == PROD and (REPLICATION, node) in have:
                lines.append(f"{SHUTDOWN}{REPLICATION}/{node}")
    return lines


def _called_off(pool: str, old: str, new: str, up: bool) -> bool:
    """Returns whether a server of prod is drained, is up all the same, and serves again: a
    switchover was called off. When a server leaves drain, HAProxy (2.6) takes no connection from
    the queue. When one that is up leaves maintenance, it does.
    """
    return pool == PROD and old == DRAIN and new == READY and up


def _stuck(server: Server, have: Mapping[Server, str]) -> bool:
    """Returns whether a server of prod is not in maintenance, and its follower in the replication
    pool is. After a reload HAProxy (2.4 to 3.2) gives the follower the state that the word
    `disabled` in the configuration means. It leaves maintenance only when the server of prod does.
    """
    pool, node = server
    follower = have.get((REPLICATION, node))
    return pool == PROD and follower == MAINT and have.get(server, MAINT) != MAINT


def closing(have: Mapping[Server, str], nodes: Iterable[str]) -> list[str]:
    """Returns the runtime commands that close all sessions to the primaries of these nodes; servers
    unknown to HAProxy are left out.
    """
    servers = [(pool, node) for node in sorted(nodes) for pool in (PROD, REPLICATION)]
    known = [server for server in servers if server in have]
    return [f"{SHUTDOWN}{pool}/{node}" for pool, node in known]
