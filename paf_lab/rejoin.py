"""The return of a node that was lost, with a copy of the primary's instance if it needs one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import agent
from .errors import LabError
from .layout import PGBIN, PGDATA
from .machine import Machine
from .node import Node
from .scripts import SETTINGS, script

REBUILD = f". {SETTINGS}; rm -rf {PGDATA}; bash {agent.SCRIPTS}/40-postgresql.sh standby $PRIMARY"
"""Command that makes the instance of a node anew from $PRIMARY's, as an inventory names it."""
CAN_FOLLOW = (" shut down", " shut down in recovery", " in archive recovery")


def absent(node: Machine) -> bool:
    """Returns whether a node has booted, and the cluster does not run on it."""
    if not node.running:
        return False
    words = ("systemctl", "show", "-P", "ActiveState", "pacemaker", "multi-user.target")
    try:
        states = node.run(*words, check=False, timeout=10).stdout.split()
    except LabError:
        return False  # it went down under our hands
    return states in (["inactive", "active"], ["failed", "active"])


def can_follow(control: str) -> bool:
    """Returns whether an instance can be started as a standby, by what pg_controldata says."""
    lines = [line for line in control.splitlines() if line.startswith("Database cluster state:")]
    return any(line.endswith(state) for line in lines for state in CAN_FOLLOW)


def bring_back(node: Node, leads: str | None, rebuild: bool = False) -> str:
    """Starts the cluster on a node that was lost. Returns the node from which its instance was
    copied before, or ''.

    leads: the primary now.
    """

    def anew(primary: str) -> None:
        node.run("rm", "-rf", PGDATA)
        script(node, "40-postgresql", "standby", primary)

    return rejoin(node, leads, rebuild, (f"{PGBIN}/pg_controldata", PGDATA), anew)


def rejoin(
    node: Machine,
    leads: str | None,
    rebuild: bool,
    control: Sequence[str],
    anew: Callable[[str], None],
) -> str:
    """Starts the cluster on a node that was lost. Returns the node from which its instance was
    copied before, or ''.

    leads: the primary now. rebuild: whether the instance is made anew in any case. control: the
    command that prints pg_controldata's text. anew: copies the instance of the primary that it is
    given. An instance that was a primary when its node was lost may have what no other has; PAF
    would neither demote nor stop it, nor one that broke off a crash recovery.
    """
    copied = ""
    if leads is not None and leads != node.name:
        state = node.run(*control, check=False).stdout
        if rebuild or not can_follow(state):
            copied = leads
            anew(copied)
    node.run("systemctl", "start", "corosync", "pacemaker", timeout=90)
    return copied
