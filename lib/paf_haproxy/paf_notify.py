"""PAF's own notify, beside ours. On the hot path."""

from __future__ import annotations

import os
import select

NOTIFY = (b"pgsqlms", b"notify")
LONGEST = 2.0  # s
CLONE = "pgsqld-clone"
"""The default of parameter pgsql_clone; the module of parameters takes too long to load here."""
SUFFIX = "-clone"
"""pcs names the clone of a resource so. crmsh lets people choose."""
INSTANCE = b"OCF_RESOURCE_INSTANCE="


def await_notify(clone: str = "", longest: float = LONGEST) -> bool:
    """Waits until the notify of PAF that runs on this node has ended, `longest` s at most.
    clone: the parameter pgsql_clone; a notify of another PAF resource is not waited for.

    Pacemaker starts PAF's pre-demote notify together with ours, and its demote only when the last
    of them has ended on every node. Until then PostgreSQL serves, so its clients need not wait yet.
    Returns whether there was one to wait for; without one, or on a kernel without pidfd_open
    (before 5.3), it returns at once.
    """
    pid = find("/proc", clone or CLONE)
    if pid is None:
        return False
    try:
        end = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return False
    try:
        select.select([end], [], [], longest)
    finally:
        os.close(end)
    return True


def find(proc: str, clone: str = CLONE) -> int | None:
    """Returns the pid of the running notify of the PAF resource in this clone, or None.

    proc: where procfs is mounted.
    """
    for entry in os.listdir(proc):
        if not entry.isdecimal():
            continue
        try:
            with open(f"{proc}/{entry}/cmdline", "rb", buffering=0) as file:
                words = file.read(4096).rstrip(b"\0").split(b"\0")
        except OSError:
            continue  # gone meanwhile
        named = len(words) > 1 and words[-1] == NOTIFY[1] and words[-2].endswith(b"/" + NOTIFY[0])
        if named and _is_in(clone, f"{proc}/{entry}/environ"):
            return int(entry)
    return None


def _is_in(clone: str, environ: str) -> bool:
    """Returns whether the process with this environment acts for a resource of the clone. If that
    cannot be told, it does: to wait for another PAF costs less than to drain a primary too early.
    """
    if not clone.endswith(SUFFIX):
        return True
    try:
        with open(environ, "rb", buffering=0) as file:
            variables = file.read(1 << 17).split(b"\0")
    except OSError:
        return True
    for variable in variables:
        if variable.startswith(INSTANCE):
            name = variable[len(INSTANCE) :].partition(b":")[0]
            return name == clone[: -len(SUFFIX)].encode()
    return True
