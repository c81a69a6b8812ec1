"""What every topology is: built once, asked whether it is whole, told to move its primary.

A drill or a trial is performed on a LabTarget of paf_lab/drill/target.py, which has a topology.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from .. import replication
from ..access import KINDS, READER, Access
from ..errors import LabError
from ..image import LAB
from ..node import NODES, Node
from ..recovery import CONNECT_EVERY, HELP_AFTER, Recovery
from . import clients

HAPROXY_SOCKET = "/run/haproxy/admin.sock"
"""Of the distribution's HAProxy."""
ROLE = "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END"

Step = Callable[[str], AbstractContextManager[Any]]
"""Shows what is being done for as long as the block lasts."""


class Topology:
    """The attributes say what it is made of; `access`, how its clients and watchers reach it."""

    name = ""
    summary = ""
    image = LAB
    """On which of paf_lab/image.py its nodes stand."""
    provisioned = True
    """Whether the lab puts packages and settings onto its nodes, before `build`."""
    haproxy = True
    """Whether clients go through a HAProxy."""
    fences = True
    """Whether a node that is lost is fenced, and so gets its power back."""
    access = Access(admin_socket=HAPROXY_SOCKET, targets=clients.targets(clients.PROXIED))
    kinds: tuple[str, ...] = KINDS
    """The kinds of clients that it serves."""

    def missing(self) -> str:
        """Returns why it cannot run on this machine; empty if it can."""
        return ""

    def environment(self, node: Node) -> Mapping[str, str]:
        """Returns what pcs-scripts/settings.sh is to read on a node, beyond the lab's own."""
        return {}

    def half_built(self) -> bool:
        """Returns whether `build` was cut off where it cannot go on, so that nodes start anew."""
        return False

    def build(self, step: Step) -> None:
        """Builds it on nodes that have booted, or what is missing of it."""
        raise NotImplementedError

    def candidate(self, primary: str) -> str:
        """Returns the node to switch over to: the one after the primary, in the order of names."""
        names = sorted(node.name for node in NODES)
        return names[(names.index(primary) + 1) % len(names)]

    def move(self, old: str, new: str) -> None:
        """Asks for a planned switchover; returns when that is accepted."""
        raise NotImplementedError

    def switch_over(self, old: str, new: str) -> None:
        """The same by the command that its documentation names for a planned switchover."""
        self.move(old, new)

    def configured(self, text: str) -> AbstractContextManager[None]:
        """Lets PostgreSQL of all nodes run with more settings meanwhile, and restarts it twice for
        that. text: the lines of a postgresql.conf.
        """
        raise NotImplementedError

    def pool(self) -> int:
        """Sees that PgBouncer runs on every node, if the topology supports it. Returns its port, or
        0. Called once it is whole.
        """
        return self.access.pooler_port

    def restart(self) -> None:
        """Restarts PostgreSQL once on each node, where it is primary last."""
        raise NotImplementedError

    def moved(self) -> None:
        """Takes away what a switchover leaves behind."""

    def forget(self) -> None:
        """Forgets failures that are mended by now: called once it is whole."""

    def reach(self, kind: str) -> dict[str, Any]:
        """Returns libpq's parameters with which a kind of client gets to where it wants."""
        port = self.access.stdby_port if kind == READER else self.access.prod_port
        return {"host": "127.0.0.1", "port": port, **self.access.targets.get(kind, {})}

    def status(self) -> str:
        """Returns what its cluster manager says, for people."""
        raise NotImplementedError

    def primary(self) -> str | None:
        """Returns the one node whose PostgreSQL is no standby."""
        found = [node.name for node in NODES if _role(node) == "primary"]
        return found[0] if len(found) == 1 else None

    def lacking(self) -> str:
        """Returns '' if every node's clients reach what they want, or in a line why not."""
        try:
            return self._lacking()
        except LabError as error:  # a node that is going down under our hands
            return str(error)

    def _lacking(self) -> str:
        roles = {node.name: _role(node) for node in NODES}
        leads = [name for name, role in roles.items() if role == "primary"]
        if len(leads) != 1:
            return f"{' and '.join(leads) or 'no node'} is primary"
        for name, role in roles.items():
            if role == "down":
                return f"PostgreSQL on {name} is down"
        first = next(node for node in NODES if node.name == leads[0])
        streaming = len(replication.ask(first))
        if streaming != len(NODES) - 1:
            return f"{streaming} of {len(NODES) - 1} standbys stream from {first.name}"
        for node in NODES:
            for kind in self.kinds:
                words = " ".join(f"{key}={value}" for key, value in self.reach(kind).items())
                target = f"{words} user=app dbname=app connect_timeout=3"
                done = node.run(*_psql("-wd", target, "-c", ROLE), check=False, timeout=30)
                role = done.stdout.strip()
                if done.returncode or (kind != READER and role != "primary"):
                    said = done.stderr.strip()[-200:] or f"a {role} answers"
                    return f"{kind} clients of {node.name}: {said}"
        return ""

    def recovery(self, rest: Callable[[float], object] = time.sleep) -> Recovery:
        """Returns a wait until it is whole, with what a person would do meanwhile. rest: lets so
        many s pass.
        """
        return Recovery(self.lacking, rest)

    def await_whole(
        self,
        within: float = 120,
        help_after: float = HELP_AFTER,
        rest: Callable[[float], object] = time.sleep,
    ) -> None:
        """Returns once it is whole. Raises LabError with what it lacks after `within` s.

        help_after: s until a person helps, and between two times. rest: lets so many s pass.
        """
        waiting = self.recovery(rest)
        waiting.name, waiting.look_every = self.name, CONNECT_EVERY
        waiting.await_whole(within, help_after)


def _psql(*words: str) -> tuple[str, ...]:
    return "psql", "-XAt", *words


def _role(node: Node) -> str:
    if not node.running:
        return "down"
    done = node.run(*_psql(*replication.LOCAL, "-c", ROLE), user="postgres", check=False)
    return done.stdout.strip() or "down"
