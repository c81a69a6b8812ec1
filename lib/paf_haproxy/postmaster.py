"""Whether the local PostgreSQL has crashed, by the lock file of its Unix socket. Cheap: every
monitor looks.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def crashed(pghost: str, pgport: str | int) -> str:
    """Returns which postmaster has crashed, as 'PID START', e.g. '4711 1764339000', or '' if none
    has.

    A postmaster removes its lock file when it ends in order, so one without a process is of a
    postmaster that has crashed (PostgreSQL's source, miscadmin.h: line 1 is the pid, line 3 the
    time of the start in s).
    """
    try:
        with open(f"{pghost}/.s.PGSQL.{pgport}.lock", encoding="ascii", errors="replace") as file:
            lines = file.read(4096).splitlines()
        pid, start = int(lines[0]), int(lines[2])
        os.kill(pid, 0)
    except ProcessLookupError:
        return f"{pid} {start}"
    except (OSError, ValueError, IndexError, OverflowError):
        pass
    return ""


def suspected(parameters: Mapping[str, str]) -> str:
    """Returns the same, by the parameters as Pacemaker gives them. For the hot path."""
    pghost = parameters.get("pghost") or "/run/postgresql"
    return crashed(pghost, parameters.get("pgport") or "5434")
