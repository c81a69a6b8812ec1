"""The root file system that all nodes share, built from Debian packages with the host's mirror."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from . import cgroup
from .errors import LabError
from .layout import CACHE, REPO
from .shell import run

SUITE = "bookworm"
PACKAGES = (
    "systemd systemd-sysv dbus udev iproute2 iptables iputils-ping procps netbase less nano "
    "rsyslog openssl sudo pacemaker pacemaker-cli-utils corosync pcs crmsh resource-agents "
    "resource-agents-paf fence-agents postgresql-15 haproxy python3-psycopg2 python3-jinja2 ncat "
    "psmisc lsof socat curl"
).split()
BUILD = "image"
"""The control group that the build runs in."""
NODE_SCRIPT = REPO / "provision" / "node.sh"


def path() -> Path:
    """Returns where the image is, or will be: its name tells what it was made of."""
    recipe = " ".join([SUITE, *PACKAGES]) + NODE_SCRIPT.read_text()
    return CACHE / f"image-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def sources() -> list[str]:
    """Returns the host's apt sources for the suite, as mmdebstrap takes them."""
    files = sorted(Path("/etc/apt/sources.list.d").glob("*.sources"))
    files += [file for file in [Path("/etc/apt/sources.list")] if file.exists()]
    files += sorted(Path("/etc/apt/sources.list.d").glob("*.list"))
    found = [str(file) for file in files if SUITE in file.read_text(errors="replace")]
    if not found:
        raise LabError(
            f"no apt source of the host offers {SUITE}: add one in /etc/apt/sources.list.d"
        )
    return found


def build() -> Path:
    """Builds the image if it is not there, in about a minute. Returns its path."""
    target = path()
    if target.exists():
        return target
    cgroup.kill(BUILD)  # a build whose `lab up` was killed
    for old in CACHE.glob("image-*"):
        shutil.rmtree(old)
    CACHE.mkdir(parents=True, exist_ok=True)
    new = CACHE / "image-new"
    options = [f"--aptopt={line}" for line in _apt_options()]
    hook = f'--customize-hook=chroot "$1" bash -s < "{NODE_SCRIPT}"'
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    command += [*options, hook, SUITE, str(new), *sources()]
    run(cgroup.wrap(BUILD, command), timeout=1800)
    cgroup.kill(BUILD)
    new.rename(target)
    return target


def _apt_options() -> list[str]:
    """Returns the host's own settings for reaching its mirror (proxy, dates, retries)."""
    lines = run(["apt-config", "dump"]).stdout.splitlines()
    return [line for line in lines if line.startswith("Acquire::") and '""' not in line]
