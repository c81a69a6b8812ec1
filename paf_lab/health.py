"""Whether the cluster is whole, and what a person would do if it is not."""

from __future__ import annotations

import time
from collections.abc import Callable

from . import cluster, replication
from .errors import LabError
from .layout import DATABASE_NODES
from .node import NODES, named

PROMOTED_WITHIN = 60.0
"""s that the others may take to promote one of them before a node that was lost is started."""


def too_soon(node: str, leads: str | None, waited: float) -> bool:
    """Returns whether a node that was lost is not to be started yet. Pure.

    Before another node is promoted, it is not known whether the lost node's instance may follow or
    has to be made anew. leads: the node that is promoted now. waited: s so far; on machines slower
    than the lab's, that many times less.
    """
    return leads in (None, node) and waited <= PROMOTED_WITHIN


def bring_back_lost(leads: Callable[[], str | None], waited: float) -> None:
    """Starts the cluster on the nodes on which it does not run, unless it is too soon.

    leads: returns the primary. waited: s so far.
    """
    for node in NODES:
        if cluster.absent(node):
            primary = leads()
            if not too_soon(node.name, primary, waited):
                cluster.bring_back(node, primary)


def rebuild_stuck() -> None:
    """Makes the standbys anew that run and do not stream from the primary."""
    leads = cluster.promoted()
    if leads is None:
        return
    streaming = {leads, *replication.ask(named(leads))}
    for node in NODES:
        if node.running and node.name not in streaming:
            node.run("systemctl", "stop", "pacemaker", "corosync", timeout=120)
            cluster.bring_back(node, leads, rebuild=True)


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


def await_healthy(within: float = 120, mend_after: float | None = None) -> None:
    """Returns once the cluster is healthy. Raises LabError with what it lacks after `within` s.

    What only a person could mend is mended if it is not healthy after `mend_after` s.
    """
    start = time.monotonic()
    steps = [] if mend_after is None else [(mend_after, mend), (within / 2, rebuild_stuck)]
    while why := healthy():
        passed = time.monotonic() - start
        if passed > within:
            raise LabError(f"the cluster is not healthy after {within:g} s: {why}: lab status")
        if mend_after is not None:
            bring_back_lost(cluster.promoted, passed)
        if steps and passed > steps[0][0] and at_rest():
            _, step = steps.pop(0)
            step()
        time.sleep(0.3)


def at_rest() -> bool:
    """Returns whether Pacemaker has nothing to do. A failure that is forgotten before it has been
    acted upon, of a stop above all, can end in two primaries.
    """
    node = NODES[0]
    ask = ("timeout", "5", "crmadmin")  # a DC that has just died gives no answer
    dc = node.run(*ask, "--dc_lookup", check=False).stdout.rpartition(": ")[2].strip()
    return bool(dc) and "S_IDLE" in node.run(*ask, "--status", dc, check=False).stdout


def mend() -> None:
    """Takes back what keeps a node or its resources out: failures, moves, bans, standby, and
    maintenance."""
    node = NODES[0]
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
