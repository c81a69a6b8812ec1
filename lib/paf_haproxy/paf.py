"""PAF's own notify, beside ours. On the hot path."""

from __future__ import annotations

import os
import select

NOTIFY = (b"pgsqlms", b"notify")
LONGEST = 2.0  # s


def await_notify(longest: float = LONGEST) -> bool:
    """Waits until the notify of PAF that runs on this node has ended, `longest` s at most.

    Pacemaker starts PAF's pre-demote notify together with ours, and its demote only when the last
    of them has ended on every node. Until then PostgreSQL serves, so its clients need not wait yet.
    Returns whether there was one to wait for; without one, or on a kernel without pidfd_open
    (before 5.3), it returns at once.
    """
    pid = find("/proc")
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


def find(proc: str) -> int | None:
    """Returns the pid of PAF's running notify, or None. proc: where procfs is mounted."""
    for entry in os.listdir(proc):
        if not entry.isdecimal():
            continue
        try:
            with open(f"{proc}/{entry}/cmdline", "rb", buffering=0) as file:
                words = file.read(4096).rstrip(b"\0").split(b"\0")
        except OSError:
            continue  # gone meanwhile
        if words[-1] == NOTIFY[1] and len(words) > 1 and words[-2].endswith(b"/" + NOTIFY[0]):
            return int(entry)
    return None
