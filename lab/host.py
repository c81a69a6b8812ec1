"""What the lab needs of the host."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from . import cgroup
from .errors import LabError
from .shell import run

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "socat": "socat",
}
LEAST_FREE = 4 << 30  # bytes: the image takes 0.9 GB, the nodes less than 1 GB together


def check() -> None:
    """Raises LabError that says in one line what is missing."""
    if os.geteuid() != 0:
        raise LabError("the lab boots containers: run it as root")
    if not Path("/etc/debian_version").exists():
        raise LabError("the lab is built from the host's Debian packages: run it on Debian 12")
    if "overlay" not in Path("/proc/filesystems").read_text():
        run(["modprobe", "overlay"], check=False)
    if "overlay" not in Path("/proc/filesystems").read_text():
        raise LabError("the kernel has no overlayfs: load the module overlay")
    if not Path("/proc/self/ns/net").exists():
        raise LabError("the kernel has no network namespaces")
    if not cgroup.hierarchies():
        raise LabError("no control group hierarchy is mounted on /sys/fs/cgroup")
    free = shutil.disk_usage("/var").free
    if free < LEAST_FREE:
        raise LabError(f"/var has {free >> 20} MiB free, the lab needs {LEAST_FREE >> 20} MiB")


def missing() -> list[str]:
    """Returns the packages that provide the programs which are not there."""
    return sorted({package for program, package in PACKAGES.items() if not shutil.which(program)})


def install(packages: list[str]) -> None:
    """Installs packages with the host's own apt."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], timeout=300, env=environment)
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    run(command, timeout=900, env=environment)
