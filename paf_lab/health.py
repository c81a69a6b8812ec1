"""Whether the lab's cluster under PAF is whole, and what a person would do if it is not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from . import cluster, rejoin, replication
from .errors import LabError
from .layout import DATABASE_NODES
from .machine import Machine
from .node import NODES, Node, named
from .recovery import HELP_AFTER, PafRecovery


def healthy() -> str:
    """Returns '' if writes and replication run through every node, or in a line why not."""
    try:
        return _lacking()
    except LabError as error:  # a node that is going down under our hands
        return str(error)


def _lacking() -> str:
    primary = cluster.promoted()
    if primary is None:
        return "no primary is promoted"
    for node in NODES:
        if not node.running:
            return f"{node.name} does not run"
        state = node.run("ncat", "--recv-only", "127.0.0.1", "5431", check=False).stdout.strip()
        expected = "production" if node.name == primary else "standby"
        if state != expected:
            return f"{node.name} says {state or 'nothing'} on 5431, not {expected}"
        for port, pool in ((5432, "prod"), (5433, "stdby")):
            words = ("psql", "-XAtwc", "SELECT 1", "-h", "127.0.0.1", "-p", str(port), "-U", "app")
            done = node.run("env", "PGCONNECT_TIMEOUT=5", *words, check=False, timeout=20)
            if done.returncode:
                return f"{pool} does not answer on {node.name}: {done.stderr.strip()[-200:]}"
    streaming = len(replication.ask(named(primary)))
    if streaming != len(NODES) - 1:
        return f"{streaming or 'none'} of {len(NODES) - 1} standbys stream from {primary}"
    return ""


class LabRecovery(PafRecovery):
    """Of the lab's nodes. A node that goes down meanwhile is no reason to give up."""

    nodes: Sequence[Machine] = NODES
    # The first time, failures alone are cleared: standbys that follow a virtual address stream as
    # soon as it is there. Making them anew would disturb the clients of a trial.
    rebuild_after = 2 * HELP_AFTER

    def leader(self) -> str | None:
        return cluster.promoted()

    def idle(self) -> bool:
        try:
            return at_rest()
        except LabError:
            return False

    def clear(self) -> None:
        take_back()

    def stuck(self, leads: str) -> Iterable[Machine]:
        streaming = {leads, *replication.ask(named(leads))}
        return [node for node in NODES if node.running and node.name not in streaming]

    def bring_back(self, node: Machine, leads: str | None, rebuild: bool = False) -> None:
        rejoin.bring_back(named(node.name), leads, rebuild)

    def start_lost(self) -> None:
        with contextlib.suppress(LabError):
            super().start_lost()

    def help(self, waited: float) -> None:
        with contextlib.suppress(LabError):
            super().help(waited)


def anyone() -> Node:
    """Returns a node that runs. Raises LabError if there is none."""
    for node in NODES:
        if node.running:
            return node
    raise LabError("no node runs: lab up")


def at_rest() -> bool:
    """Returns whether Pacemaker has nothing to do. A failure that is forgotten before it has been
    acted upon, of a stop above all, can end in two primaries.
    """
    node = anyone()
    ask = ("timeout", "5", "crmadmin")  # a DC that has just died gives no answer
    dc = node.run(*ask, "--dc_lookup", check=False).stdout.rpartition(": ")[2].strip()
    return bool(dc) and "S_IDLE" in node.run(*ask, "--status", dc, check=False).stdout


def take_back() -> None:
    """Takes back what keeps a node or its resources out: failures, moves, bans, standby, and
    maintenance."""
    node = anyone()
    node.run(
        "crm_attribute",
        "--type",
        "crm_config",
        "--name",
        "maintenance-mode",
        "--delete",
        check=False,
    )
    for resource in ("pgsqld-clone", "haproxy-clone"):
        node.run("crm_resource", "--clear", "--resource", resource, check=False)
    for other in DATABASE_NODES:
        node.run("crm_standby", "--delete", "--node", other, check=False)
    node.run("crm_resource", "--cleanup", check=False)
