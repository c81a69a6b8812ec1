"""Settings of an instance that a drill changes, and takes back also if PostgreSQL does not run."""

from __future__ import annotations

import contextlib

from ...errors import LabError
from ...machine import Machine
from .. import commands
from ..stage import Stage

RELOAD = "SELECT pg_reload_conf();"


def alter(stage: Stage, node: Machine, name: str, value: str) -> None:
    """Sets a setting of one instance and reloads it; some need a restart."""
    commands.psql(node, stage.settings, f"ALTER SYSTEM SET {name} = '{value}'; {RELOAD}")


def shown(stage: Stage, node: Machine, name: str) -> str:
    """Returns the setting with which an instance runs."""
    return commands.psql(node, stage.settings, f"SHOW {name}").strip()


def reset(stage: Stage, node: Machine, *names: str) -> None:
    """Takes settings back. If PostgreSQL does not run, its file is changed for the next start; if
    the node is off, nothing is: its instance is made anew, or `reset` comes again.
    """
    script = "".join(f"ALTER SYSTEM RESET {name}; " for name in names)
    try:
        commands.psql(node, stage.settings, script + RELOAD)
    except LabError:
        file = f"{stage.settings.pgdata}/postgresql.auto.conf"
        edit = "".join(f"/^{name} *=/d;" for name in names)
        with contextlib.suppress(LabError):  # it goes down under our hands
            if node.running:
                node.run("sed", "-i", edit, file, check=False)
