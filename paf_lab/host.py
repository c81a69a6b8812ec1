"""What the lab needs of the host."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from . import cgroup
from .errors import LabError
from .shell import run

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "mkfs.ext4": "e2fsprogs",
    "nsenter": "util-linux",
    "socat": "socat",
    "ssh": "openssh-client",
    "dpkg-buildpackage": "dpkg-dev",
    "dh": "debhelper",
    "dh_python3": "dh-python",
    "/usr/lib/python3/dist-packages/jinja2": "python3-jinja2",
}
"""By the program, or the file, that tells that the package is there."""
BOX_PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "sfdisk": "fdisk",
    "extlinux": "extlinux",
    "/usr/lib/syslinux/mbr/mbr.bin": "syslinux-common",
    "qemu-img": "qemu-utils",
    "vagrant": "vagrant",
}
"""The same for a box of Vagrant's."""
LEAST_FREE = 4 << 30  # bytes: the image takes 0.9 GB, the nodes less than 1 GB together


def check_root() -> None:
    """Raises LabError unless we are root."""
    if os.geteuid() != 0:
        raise LabError("the lab boots containers: run it as root")


def check() -> None:
    """Raises LabError that says in one line what is missing."""
    if not Path("/etc/debian_version").exists():
        raise LabError("the lab is built from the host's Debian packages: run it on Debian 12")
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        run(["modprobe", "overlay"], check=False)
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        raise LabError("the kernel has no overlayfs: load the module overlay")
    for kind in ("net", "pid", "uts", "ipc", "cgroup"):
        if not Path(f"/proc/self/ns/{kind}").exists():
            raise LabError(f"the kernel has no {kind} namespaces: the lab cannot run here")
    if not cgroup.hierarchies():
        raise LabError("no control group hierarchy is mounted on /sys/fs/cgroup: mount cgroup2")
    for top in cgroup.hierarchies():
        if not os.access(top, os.W_OK) or os.statvfs(top).f_flag & os.ST_RDONLY:
            raise LabError(f"{top} is read-only: a container without privileges cannot be the host")
    free = shutil.disk_usage("/var").free
    if free < LEAST_FREE:
        raise LabError(f"/var has {free >> 20} MiB free, the lab needs {LEAST_FREE >> 20} MiB")


def missing(wanted: Mapping[str, str] = PACKAGES) -> list[str]:
    """Returns the packages that provide the programs which are not there."""
    return sorted({package for program, package in wanted.items() if not _there(program)})


def _there(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else bool(shutil.which(program))


def install(packages: list[str]) -> None:
    """Installs packages with the host's own apt."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Another apt may be at work: of an interrupted lab up, or of the host's own timers.
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    run([*apt, "update"], timeout=300, env=environment)
    words = ["install", "-y", "--no-install-recommends", *packages]
    run([*apt, *words], timeout=900, env=environment)
