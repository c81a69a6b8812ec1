"""A disk of its own for each node's PostgreSQL: a file system in a file, which can be full."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from . import cgroup
from .errors import LabError
from .layout import GROUP
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


def _blkio() -> Path:
    """Returns the mount point of the controller. Raises LabError if the host has none."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup" and "blkio" in options.split(","):
            return Path(where)
    raise LabError("this host has no cgroup v1 controller blkio: a slow disk cannot be had")


def slow_down(name: str, root: Path, rate: int, operations: int) -> None:
    """Lets a node's disk take no more than so many bytes and operations a second. All processes of
    the node that run now, and their children, feel it; so do reads.
    """
    group = _blkio() / GROUP / name
    group.mkdir(parents=True, exist_ok=True)
    device = (root / MOUNT).stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for what, most in (("bps", rate), ("iops", operations)):
        for way in ("read", "write"):
            (group / f"blkio.throttle.{way}_{what}_device").write_text(f"{number} {most}")
    for pid in cgroup.members(name):
        with contextlib.suppress(OSError):  # it has ended
            (group / "cgroup.procs").write_text(str(pid))


def speed_up(name: str) -> None:
    """Ends what `slow_down` has begun; does nothing if it has not."""
    try:
        top = _blkio()
    except LabError:
        return
    group = top / GROUP / name
    while group.exists() and (pids := (group / "cgroup.procs").read_text().split()):
        for pid in pids:
            with contextlib.suppress(OSError):
                (top / "cgroup.procs").write_text(pid)
    for path in (group, group.parent):
        with contextlib.suppress(OSError):
            path.rmdir()
