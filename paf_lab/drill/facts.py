"""What each node says of itself: which boot this is, and which processes it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..errors import LabError
from ..machine import Machine
from . import commands
from .records import Facts
from .settings import Settings

HAPROXY, WORKER = "HAProxy's master process", "HAProxy"
POSTGRES, POOLER = "the postmaster", "pgbouncer"
COROSYNC, PACEMAKER = "corosync", "pacemakerd"
PROGRAMS = (COROSYNC, PACEMAKER, *commands.DAEMONS, POOLER)
"""Those that pidof finds."""
SCRIPT = """cat /proc/sys/kernel/random/boot_id
master=$(cat "$1" 2>/dev/null)
echo $master
ps -o pid= --ppid "${master:-999999999}" 2>/dev/null | tr '\\n' ' '; echo
head -1 "$2" 2>/dev/null | grep . || echo
shift 2
for name; do echo $(pidof $name); done"""


class Stage(Protocol):
    """What is needed of a drill under way."""

    @property
    def nodes(self) -> Mapping[str, Machine]: ...

    @property
    def settings(self) -> Settings: ...


def gather(stage: Stage) -> dict[str, Facts]:
    """Returns what every node says now; the facts of a node that is off are empty."""
    file = f"{stage.settings.pgdata}/postmaster.pid"
    words = ("sh", "-c", SCRIPT, "sh", commands.PIDFILE, file, *PROGRAMS)
    found = {}
    for name, node in stage.nodes.items():
        try:
            found[name] = parse(node.run(*words).stdout if node.running else "")
        except LabError:
            found[name] = Facts()  # it went off between the two
    return found


def parse(text: str) -> Facts:
    """Reads what SCRIPT prints: the boot, and a line of pids for each program. Pure."""
    boot, *lines = text.splitlines() or ("",)
    names = (HAPROXY, WORKER, POSTGRES, *PROGRAMS)
    pids = {
        name: frozenset(int(word) for word in line.split() if word.isdecimal())
        for name, line in zip(names, lines)
    }
    return Facts(boot.strip(), pids)
