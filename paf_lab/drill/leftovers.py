"""What a drill must not leave on the nodes, and where the standbys stream from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import LabError
from . import commands
from .stage import Stage

QUERY = """SELECT sender_host || ':' || sender_port FROM pg_stat_wal_receiver
WHERE status = 'streaming'"""
PROCESSES = f"""master=$(cat {commands.PIDFILE} 2>/dev/null || echo none)
workers=$(ps -o pid= --ppid "$master" 2>/dev/null | wc -l)
echo "$workers $(pgrep -c -f '{commands.HAPROXY}')"
pgrep -af 'paf/haproxy (start|stop|notify)'
true"""
FILES = frozenset(
    {
        "admin.sock",
        "answered",
        "confirmed",
        "crash-told",
        "crashes",
        "haproxy.cfg",
        "haproxy.pid",
        "haproxy.source",
        "hold-replication.sock",
        "hold.sock",
        "lobby.sock",
        "master.sock",
        "memory",
        "parameters",
        "role",
        "seen",
        "servers.state",
        "show.sock",
        "vouched",
    }
)
COPIES = ("lua-", "cert-")
"""How the names of the private copies of Lua files and certificates begin."""
OLD_WORKERS = 10
"""HAProxys that may finish their sessions after reloads: the agent's parameter old_workers."""
DONE_WITHIN = 20.0
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


def find(stage: Stage, old_workers: int = 0) -> tuple[str, ...]:
    """Returns what is there on the nodes that should not be, in words. old_workers: how many
    HAProxys of each node may still finish their sessions after reloads.
    """
    found: list[str] = []

    def lacking() -> str:
        found[:] = [text for name in stage.names for text in _of(stage, name, old_workers)]
        return "; ".join(found)

    try:
        stage.wait(lacking, within=DONE_WITHIN, every=2)
    except LabError:
        pass  # what was found is the answer
    return tuple(found)


def _of(stage: Stage, name: str, old_workers: int) -> list[str]:
    node = stage.nodes[name]
    try:
        processes = node.run("sh", "-c", PROCESSES).stdout.splitlines()
        names = node.run("ls", "/run/paf-haproxy").stdout.split()
        found = judge(processes, names, old_workers)
    except (LabError, ValueError) as error:
        return [f"{name} cannot be looked at: {error}"]
    found += [f"no {daemon}" for daemon in commands.missing_daemons(node)]
    return [f"{name}: {each}" for each in found]


def judge(processes: Sequence[str], names: Iterable[str], old_workers: int = 0) -> list[str]:
    """Returns what should not be on a node, in words. Pure.

    processes: the number of the master's workers and that of all our HAProxy processes, then the
    actions that run. names: of the files in the state directory. old_workers: how many more workers
    there may be. Raises ValueError if the first line is no two numbers.
    """
    first, *actions = processes or ("",)
    workers, everything = map(int, first.split())
    found = []
    if not 1 <= workers <= 1 + old_workers:
        wanted = f"1 to {1 + old_workers}" if old_workers else "1"
        found.append(f"{workers} workers of HAProxy's master process, not {wanted}")
    if everything != workers + 1:
        found.append(f"{everything} HAProxy processes, not the master process and its {workers}")
    found += [f"action {line}" for line in actions]
    strange = {each for each in names if each not in FILES and not each.startswith(COPIES)}
    return found + [f"file {each}" for each in sorted(strange)]
