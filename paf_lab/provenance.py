"""Which commit was measured."""

from __future__ import annotations

from pathlib import Path

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
