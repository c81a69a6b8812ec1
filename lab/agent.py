"""The agent, the pcs scripts and the fence agent of this source tree, on a node."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .errors import LabError
from .layout import REPO
from .node import Node

SHARE = "/usr/share/paf-haproxy"
SCRIPTS = f"{SHARE}/pcs-scripts"
PLACES = {
    "agents": ("haproxy", "/usr/lib/ocf/resource.d/paf"),
    "lib/paf_haproxy": ("*.py", f"{SHARE}/paf_haproxy"),
    "lib/paf_haproxy/cli": ("*.py", f"{SHARE}/paf_haproxy/cli"),
    "bin": ("paf-haproxy", "/usr/sbin"),
    "haproxy": ("*", f"{SHARE}/templates"),
    "pcs-scripts": ("*", SCRIPTS),
    "provision": ("fence_paf_lab", "/usr/sbin"),
}
"""Folder of the source tree: which of its files, and where they go."""


def install(node: Node) -> bool:
    """Puts everything onto the node, running or not. Returns whether there was anything to do.

    Pacemaker may run the agent at any moment: what is the same is not touched, and `lab up`
    installs before it boots a node.
    """
    if up_to_date(node.root):
        return False
    command = ["tar", "-C", str(REPO), "--exclude=__pycache__", "-cz", *PLACES]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    unpack = (
        "set -e; new=$(mktemp -d); trap 'rm -rf $new' EXIT; cd $new; tar -xz;"
        " bash provision/install-agent.sh .; install -m 755 provision/fence_paf_lab /usr/sbin/;"
        f" rm -rf {SCRIPTS}; cp -r pcs-scripts {SCRIPTS}"
    )
    where = node.enter() if node.running else ["chroot", str(node.mount)]
    done = subprocess.run([*where, "sh", "-c", unpack], input=archive, capture_output=True)
    if done.returncode:
        raise LabError(f"{node.name}: the agent cannot be installed: {done.stderr.decode()[-300:]}")
    return True


def up_to_date(root: Path) -> bool:
    """Returns whether the files below root are those of the source tree, no more and no less."""
    for folder, (pattern, place) in PLACES.items():
        ours = {file.name: file for file in (REPO / folder).glob(pattern) if file.is_file()}
        theirs = root / place.lstrip("/")
        if any(not _same(file, theirs / name) for name, file in ours.items()):
            return False
        if pattern == "*.py" and {file.name for file in theirs.glob(pattern)} != ours.keys():
            return False
    return True


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()
