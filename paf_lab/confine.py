"""One process in a control group of its own, with a limit: of memory, or of CPU time.

Neither version of the control groups moves the memory that a process already has. Only what it asks
for afterwards counts. A process that it starts is in the same group; one that another process
starts in its place is not.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .layout import LAB

GROUP = f"{LAB}-drill"
MOUNTS = Path("/proc/self/mounts")
PERIOD = 100_000
"""us, after which a quota of CPU time begins anew."""
REMOVED_WITHIN = 5.0  # s
UNIFIED = "cgroup2"


@dataclass(frozen=True, kw_only=True)
class Hierarchy:
    """Where a controller is: its mount point, and whether that is cgroup2."""

    top: Path
    unified: bool


def hierarchy(controller: str) -> Hierarchy:
    """Returns where a controller is, e.g. 'memory'. Raises LabError if the kernel offers none."""
    for line in MOUNTS.read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup" and controller in options.split(","):
            return Hierarchy(top=Path(where), unified=False)
        if kind == UNIFIED:
            offered = Path(where, "cgroup.controllers")
            if offered.exists() and controller in offered.read_text().split():
                return Hierarchy(top=Path(where), unified=True)
    raise LabError(f"no control group hierarchy has the controller {controller}: mount one")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A control group with one process. before: the group that the process was in."""

    controller: str
    pid: int
    group: Path
    before: Path

    def count(self, name: str) -> int:
        """Returns a counter of the group: 'oom_kill' or 'nr_throttled'; 0 if it has none."""
        for file in ("memory.events", "memory.oom_control", "cpu.stat"):
            try:
                lines = (self.group / file).read_text().splitlines()
            except OSError:
                continue
            for line in lines:
                key, _, value = line.partition(" ")
                if key == name:
                    return int(value)
        return 0

    def release(self) -> None:
        """Puts every process of the group back, and removes the group. It may be gone already.

        Raises LabError if the group cannot be removed.
        """
        end = time.monotonic() + REMOVED_WITHIN
        while self.group.exists():
            try:
                for pid in (self.group / "cgroup.procs").read_text().split():
                    _enter(self.before, int(pid))
                self.group.rmdir()
            except FileNotFoundError:
                return
            except OSError as error:  # a process that was killed is not quite gone
                if time.monotonic() > end:
                    raise LabError(f"control group {self.group} is still in use") from error
                time.sleep(0.02)


def memory(pid: int, most: int) -> Cell:
    """Lets a process have so many bytes more than it has. The kernel kills it if it needs more."""
    return _confine("memory", pid, {"memory.limit_in_bytes": f"{most}"}, {"memory.max": f"{most}"})


def cpu(pid: int, share: float) -> Cell:
    """Lets a process have this share of one core, e.g. 0.05."""
    quota = int(PERIOD * share)
    old = {"cpu.cfs_period_us": f"{PERIOD}", "cpu.cfs_quota_us": f"{quota}"}
    return _confine("cpu", pid, old, {"cpu.max": f"{quota} {PERIOD}"})


def _confine(controller: str, pid: int, old: Mapping[str, str], unified: Mapping[str, str]) -> Cell:
    """old, unified: the files that set the limit, in cgroup v1 and in cgroup2."""
    where = hierarchy(controller)
    if where.unified:
        (where.top / "cgroup.subtree_control").write_text(f"+{controller}")
    cell = Cell(
        controller=controller,
        pid=pid,
        group=where.top / f"{GROUP}-{controller}-{pid}",
        before=where.top / _present(controller, pid).lstrip("/"),
    )
    cell.group.mkdir(exist_ok=True)
    try:
        for file, value in (unified if where.unified else old).items():
            (cell.group / file).write_text(value)
        _enter(cell.group, pid)
    except OSError as error:
        cell.release()
        raise LabError(f"process {pid} cannot be limited in {cell.group}: {error}") from error
    return cell


def _present(controller: str, pid: int) -> str:
    """Returns the group of a process below the mount point, e.g. '/paf-lab/srv1'."""
    fallback = "/"
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
        if not controllers:
            fallback = path
    return fallback


def _enter(group: Path, pid: int) -> None:
    (group / "cgroup.procs").write_text(f"{pid}")
