"""A disk of its own for each node's PostgreSQL: a file system in a file, which can be full."""

from __future__ import annotations

import os
from pathlib import Path

from .shell import run

SIZE = 3 << 30
"""Bytes; the file is sparse."""
MOUNT = "var/lib/postgresql"


def attach(file: Path, root: Path) -> None:
    """Mounts the disk in a node's root, made with what the image has there if it is new."""
    where = root / MOUNT
    if os.path.ismount(where):
        return
    owner = where.stat()
    if not file.exists():
        new = file.with_suffix(".new")
        with new.open("wb") as image:
            image.truncate(SIZE)
        # No journal: the host's file system has one, and a second one doubles the time of an fsync.
        run(["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", "-d", str(where), str(new)])
        new.rename(file)
    run(["mount", "-o", "loop", str(file), str(where)])
    os.chown(where, owner.st_uid, owner.st_gid)  # mkfs takes everything but this over


def detach(root: Path) -> None:
    """Unmounts the disk of a node that does not run."""
    where = root / MOUNT
    while os.path.ismount(where):
        if run(["umount", str(where)], check=False).returncode:
            run(["umount", "--lazy", str(where)])  # somebody's shell is in there


def usable(root: Path) -> bool:
    """Returns whether the host can mount a file, and the node has PostgreSQL."""
    return Path("/dev/loop-control").exists() and (root / MOUNT).is_dir()
