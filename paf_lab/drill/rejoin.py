"""What a DBA does after a failover: looks at the node that was lost, makes its instance anew if it
may have been the primary, and starts the cluster on it.
"""

from __future__ import annotations

import time

from .. import cluster as node_cluster
from .. import health
from ..errors import LabError
from . import commands, segments
from .cluster import Snapshot
from .records import PRIMARY
from .stage import Stage

PATIENCE = 20.0
"""s that a standby may take to stream by itself, once all else is whole."""


def begin(stage: Stage) -> Snapshot:
    """Returns once the cluster is whole. Raises LabError with what it lacks.

    What a drill that was killed, or a crash, has left in Pacemaker is taken away.
    """
    try:
        stage.await_healthy(within=stage.settings.patience_with_leftovers)
    except LabError as lacking:
        stage.say(f"take away what was left: {lacking}")
        for resource in (stage.settings.pgsql_clone, stage.settings.haproxy_clone):
            commands.clear(stage.anyone, resource)
        await_whole(stage, None, stage.settings.deadline)
    # A failure that was mended counts again after the next demote: docs/traps/pacemaker.md, "A
    # repaired failure that was not cleaned up counts again".
    stage.wait(lambda: "" if _at_rest(stage, looks=1) else "Pacemaker has work to do")
    commands.cleanup(stage.anyone)
    found = stage.await_healthy()
    leader = found.status.promoted(stage.settings.pgsql_clone)
    filled = segments.use_up(stage.nodes, stage.nodes[leader], stage.settings) if leader else 0
    if filled:
        stage.say(f"{filled} segments of WAL filled: one had never been used (segments.py)")
    return found


def await_whole(stage: Stage, primary: str | None, within: float) -> None:
    """Returns once the cluster is whole. Raises LabError with what it lacks after `within` s on
    machines like the lab's.

    A node on which the cluster does not run is brought back, a standby that does not stream for
    long is rebuilt, and failures that Pacemaker has on record are cleared: the drill has caused
    them, and they keep resources off their nodes. All that only while Pacemaker is at rest: a
    failed stop that is forgotten before its node is fenced leaves two primaries.
    """
    slowness = stage.settings.slowness
    end = time.monotonic() + within * slowness
    looked_at = time.monotonic()
    rebuilt: set[str] = set()
    lost: dict[str, float] = {}
    while True:
        for name, node in stage.nodes.items():
            if not node_cluster.absent(node):
                lost.pop(name, None)
            elif not _too_soon(stage, name, lost.setdefault(name, time.monotonic())):
                _bring_back(stage, name, _leader(stage))
        try:
            stage.await_healthy(primary, within=2)
            return
        except LabError as error:
            lacking = error
        if time.monotonic() > end:
            raise lacking
        if time.monotonic() > looked_at + PATIENCE * slowness and _at_rest(stage):
            looked_at = time.monotonic()
            commands.cleanup(stage.anyone)
            stage.cleared += 1
            leads = _leader(stage)
            for name in _stuck(stage, leads) - rebuilt:
                rebuilt.add(name)
                stage.say("does not follow the primary: taken out of the cluster", name)
                stage.nodes[name].run("systemctl", "stop", "pacemaker", "corosync", timeout=120)
                # Not asked again: the DC may have left with it, and nobody be sure for a while.
                _bring_back(stage, name, leads, rebuild=True)


def _at_rest(stage: Stage, looks: int = 3) -> bool:
    """Returns whether Pacemaker has nothing to do, however often one looks, a second apart."""
    for number in range(looks):
        if number:
            stage.rest(1)
        try:
            node = stage.anyone
            if not commands.idle(node, commands.status(node).dc):
                return False
        except LabError:
            return False
    return True


def _stuck(stage: Stage, leads: str | None) -> set[str]:
    """Returns the standbys that could stream from the primary, but do not."""
    try:
        now = stage.snapshot()
    except LabError:
        return set()
    if leads is None or stage.roles.get(leads) != PRIMARY:
        return set()
    return set(now.status.online) - {leads} - set(now.streaming)


def _too_soon(stage: Stage, name: str, since: float) -> bool:
    """Returns whether the others have a quorum, but it is too soon to start a node that is back."""
    waited = (time.monotonic() - since) / stage.settings.slowness
    try:
        status = commands.status(stage.anyone)
    except LabError:
        return False
    leads = status.promoted(stage.settings.pgsql_clone)
    return status.quorum and health.too_soon(name, leads, waited)


def _bring_back(stage: Stage, name: str, leads: str | None, rebuild: bool = False) -> None:
    """Starts the cluster on a node, with its instance made anew if that one was a primary."""
    copied = stage.site.bring_back(stage.nodes[name], leads, rebuild)
    if copied:
        stage.repair(f"instance copied from {copied}", name)
    stage.say("cluster started", name)


def _leader(stage: Stage) -> str | None:
    try:
        return commands.status(stage.anyone).promoted(stage.settings.pgsql_clone)
    except LabError:
        return None
