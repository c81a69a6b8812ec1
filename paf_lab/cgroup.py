"""Every process of a node is in one control group, so that it can be found and killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from .errors import LabError
from .layout import GROUP

ENTERED = "entered"
"""The child of a node's group for what we start in the node. Not the group itself: in a pure cgroup
v2 hierarchy a group that has children takes no process."""
FREEZER, EVENTS = "cgroup.freeze", "cgroup.events"


def hierarchies() -> list[Path]:
    """Returns the mount points in which systemd in a container lives: cgroup2 and name=systemd."""
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(where))
    return found


def groups(name: str) -> list[Path]:
    """Returns the node's group in each hierarchy, made or not."""
    return [top / GROUP / name for top in hierarchies()]


def members(name: str) -> set[int]:
    """Returns the pids of everything in the node's groups."""
    found: set[int] = set()
    for group in groups(name):
        # os.walk passes over groups that go while it looks; rglob raises.
        for path, _, _ in os.walk(group):
            try:
                found.update(int(word) for word in Path(path, "cgroup.procs").read_text().split())
            except OSError:
                continue  # the group has gone meanwhile
    return found - {0}


def wrap(name: str, command: list[str]) -> list[str]:
    """Returns a command that enters the node's groups and then becomes the given one."""
    files = []
    for group in groups(name):
        group.mkdir(parents=True, exist_ok=True)
        files.append(str(group / "cgroup.procs"))
    enter = "".join(f'echo $$ > "{file}" && ' for file in files)
    return ["sh", "-c", f'{enter}exec "$@"', "sh", *command]


def freeze(name: str, whether: bool, within: float = 5) -> None:
    """Stops every process of the node at its place, or lets them go on. Returns once they have
    stopped. A frozen process can still be killed. Its kernel goes on: it answers to packets.

    Raises LabError if the kernel has no cgroup2 freezer (Linux 5.2), or after `within` s.
    """
    found = [group for group in groups(name) if (group / FREEZER).exists()]
    if not found and not whether:
        return  # a node that is off
    if not found:
        raise LabError(f"{name} cannot be frozen: mount cgroup2 on a directory of /sys/fs/cgroup")
    for group in found:
        (group / FREEZER).write_text("1" if whether else "0")
    end = time.monotonic() + within
    while frozen(name) != whether:
        if time.monotonic() > end:
            raise LabError(f"{name} is not {'frozen' if whether else 'thawed'} after {within:g} s")
        time.sleep(0.01)


def frozen(name: str) -> bool:
    """Returns whether all processes of the node stand still."""
    for group in groups(name):
        try:
            if "frozen 1" in (group / EVENTS).read_text().splitlines():
                return True
        except OSError:
            continue  # a hierarchy without a freezer, or a node that is off
    return False


def kill(name: str, within: float = 20) -> None:
    """Kills everything in the node's groups and removes them. Raises LabError if some is left."""
    end = time.monotonic() + within
    for group in groups(name):
        # All at one moment, as when the power goes (Linux 5.14). What that misses is killed below.
        try:
            (group / "cgroup.kill").write_text("1")
        except OSError:
            pass
    while pids := members(name):
        if time.monotonic() > end:
            raise LabError(f"processes of {name} do not end: {sorted(pids)}")
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)
    for group in groups(name):
        _remove(group, end)


def _remove(group: Path, end: float) -> None:
    """Removes an empty group and all below it, trying until `end` (monotonic s)."""
    while group.exists():
        for path in [*(Path(path) for path, _, _ in os.walk(group, topdown=False)), group]:
            try:
                path.rmdir()
            except FileNotFoundError:
                pass
            except OSError as error:  # the last process is gone, but the kernel is not done with it
                if time.monotonic() > end:
                    raise LabError(f"control group {path} is still in use") from error
                time.sleep(0.02)
                break


def kill_all() -> None:
    """Kills whatever of the lab is left, in any of its groups, and removes them all."""
    for top in hierarchies():
        for group in (top / GROUP).glob("*/"):
            kill(group.name)
    for top in hierarchies():
        _remove(top / GROUP, time.monotonic() + 5)
