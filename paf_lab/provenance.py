"""Which commit was measured, when, and on what machine: every file of figures begins with it."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .errors import LabError
from .layout import REPO
from .shell import run

AGENT = ("agents", "bin", "haproxy", "lib", "pcs-scripts")
"""What the nodes run."""


def commit(checkout: Path) -> str:
    """Returns the short commit of a checkout, with '+' if files that the nodes run have been
    changed since. Raises LabError if it is no checkout.
    """
    git = ("git", "-C", str(checkout))
    changed = run([*git, "status", "--porcelain", "--", *AGENT]).stdout.strip()
    return run([*git, "rev-parse", "--short", "HEAD"]).stdout.strip() + ("+" if changed else "")


def stamp() -> dict[str, Any]:
    """Returns what tells one measurement from another; to be called before it begins.

    date: UTC, ISO 8601. commit: '' if this is no checkout. cpus: cores of the machine. load: its
    load average of the minute before, which other work on the machine has caused.
    """
    try:
        measured = commit(REPO)
    except LabError:
        measured = ""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": measured,
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }
