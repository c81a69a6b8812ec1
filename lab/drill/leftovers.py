"""What a drill must not leave on the nodes, and where the standbys stream from."""

from __future__ import annotations

from ..errors import LabError
from . import commands
from .stage import Stage

QUERY = """SELECT sender_host || ':' || sender_port FROM pg_stat_wal_receiver
WHERE status = 'streaming'"""
PROCESSES = "pgrep -c -f '^/usr/sbin/haproxy -D'; pgrep -af 'paf/haproxy (start|stop|notify)'"
FILES = frozenset(
    {
        "admin.sock",
        "haproxy.cfg",
        "haproxy.pid",
        "haproxy.source",
        "confirmed",
        "hold.sock",
        "lobby.sock",
        "role",
        "seen",
        "memory",
        "servers.state",
        "vouched",
        "show.sock",
    }
)
PATIENCE = 20.0
"""s for old HAProxys to finish their sessions, and for actions that are under way."""


def receivers(stage: Stage) -> dict[str, str]:
    """Returns where each standby streams from, as host:port."""
    found = {}
    for name, node in stage.nodes.items():
        try:
            found[name] = commands.psql(node, stage.settings, QUERY).strip()
        except LabError:
            continue  # it will be missed
    return {name: where for name, where in found.items() if where}


def find(stage: Stage) -> tuple[str, ...]:
    """Returns what is there on the nodes that should not be, in words."""
    found: list[str] = []

    def lacking() -> str:
        found[:] = [text for name in stage.names for text in _of(stage, name)]
        return "; ".join(found)

    try:
        stage.wait(lacking, within=PATIENCE, every=2)
    except LabError:
        pass  # what was found is the answer
    return tuple(found)


def _of(stage: Stage, name: str) -> list[str]:
    node = stage.nodes[name]
    try:
        first, *actions = node.run("sh", "-c", PROCESSES, check=False).stdout.splitlines()
        names = node.run("ls", "/run/paf-haproxy").stdout.split()
    except (LabError, ValueError) as error:
        return [f"{name} cannot be looked at: {error}"]
    found = [f"{name}: {first} HAProxys"] if first != "1" else []
    found += [f"{name}: action {line}" for line in actions]
    found += [f"{name}: no {daemon}" for daemon in commands.missing_daemons(node)]
    return found + [f"{name}: file {each}" for each in sorted(set(names) - FILES)]
