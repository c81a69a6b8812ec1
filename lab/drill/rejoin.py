"""What a DBA does after a failover: looks at the node that was lost, makes its instance anew if it
may have been the primary, and starts the cluster on it.
"""

from __future__ import annotations

import time

from ..errors import LabError
from . import commands
from .records import PRIMARY
from .stage import Stage

PATIENCE = 20.0
"""s that a standby may take to stream by itself, once all else is whole."""
PGDATA = "/var/lib/postgresql/15/main"
SCRIPT = "/usr/share/paf-haproxy/pcs-scripts/40-postgresql.sh"
SETTINGS = "/root/paf-haproxy.env"
ACTIVE = "active"


def await_whole(stage: Stage, primary: str | None, within: float) -> None:
    """Returns once the cluster is whole. Raises LabError with what it lacks after `within` s.

    A node on which the cluster does not run is brought back, a standby that does not stream for
    long is rebuilt, and failures that Pacemaker has on record are cleared: the drill has caused
    them, and they keep resources off their nodes.
    """
    end = time.monotonic() + within
    looked_at = time.monotonic()
    rebuilt: set[str] = set()
    while True:
        for name in _absent(stage):
            bring_back(stage, name)
        try:
            stage.await_healthy(primary, within=2)
            return
        except LabError as error:
            lacking = error
        if time.monotonic() > end:
            raise lacking
        if time.monotonic() > looked_at + PATIENCE:
            looked_at = time.monotonic()
            for resource in (stage.settings.pgsql, stage.settings.haproxy):
                commands.cleanup(stage.anyone, resource)
            for name in _stuck(stage) - rebuilt:
                rebuilt.add(name)
                stage.say("does not follow the primary: taken out of the cluster", name)
                stage.nodes[name].run("systemctl", "stop", "pacemaker", "corosync", timeout=120)
                bring_back(stage, name, rebuild=True)


def _absent(stage: Stage) -> list[str]:
    """Returns the nodes that have booted, and on which the cluster does not run."""
    found = []
    for name, node in stage.nodes.items():
        if not node.running:
            continue
        try:
            words = ("systemctl", "show", "-P", "ActiveState", "pacemaker", "multi-user.target")
            states = node.run(*words, check=False, timeout=10).stdout.split()
        except LabError:
            continue  # it went down again
        if states in (["inactive", ACTIVE], ["failed", ACTIVE]):
            found.append(name)
    return found


def _stuck(stage: Stage) -> set[str]:
    """Returns the standbys that could stream, but do not."""
    try:
        now = stage.snapshot()
    except LabError:
        return set()
    leads = now.status.promoted(stage.settings.pgsql_clone)
    if leads is None or stage.roles.get(leads) != PRIMARY:
        return set()
    return set(now.status.online) - {leads} - set(now.streaming)


def bring_back(stage: Stage, name: str, rebuild: bool = False) -> None:
    """Starts the cluster on a node, with its instance made anew if that one was a primary."""
    node = stage.nodes[name]
    leads = _leader(stage)
    control = f"/usr/lib/postgresql/15/bin/pg_controldata {PGDATA} | grep 'cluster state'"
    crashed = "in production" in node.run("sh", "-c", control, check=False).stdout
    if leads not in (None, name) and (crashed or rebuild):
        stage.say(f"copy the instance of {leads}", name)
        script = f". {SETTINGS}; rm -rf {PGDATA}; bash {SCRIPT} standby {leads}"
        node.run("sh", "-c", script, timeout=180)
    stage.say("start the cluster", name)
    node.run("systemctl", "start", "corosync", "pacemaker", timeout=90)


def _leader(stage: Stage) -> str | None:
    try:
        return commands.status(stage.anyone).promoted(stage.settings.pgsql_clone)
    except LabError:
        return None
