"""The package of this source tree and the fence agent, on a node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from . import package
from .errors import LabError
from .layout import REPO
from .node import Node
from .shell import run

SCRIPTS = "/usr/share/paf-haproxy/pcs-scripts"
FENCE = "usr/sbin/fence_paf_lab"
DEB = "root/paf-haproxy.deb"
MARK = "root/paf-haproxy.installed"
"""Which package is installed, by its name."""


def install(node: Node) -> bool:
    """Puts everything onto the node, running or not. Returns whether there was anything to do.

    Pacemaker may run the agent at any moment: what is the same is not touched, and `lab up`
    installs before it boots a node.
    """
    deb = package.build()
    root = node.root
    if up_to_date(root, deb):
        return False
    shutil.copy(deb, root / DEB)
    shutil.copy(REPO / "provision" / "fence_paf_lab", root / f"{FENCE}.new")
    (root / f"{FENCE}.new").chmod(0o755)
    (root / f"{FENCE}.new").replace(root / FENCE)
    where = node.enter() if node.running else ["chroot", str(node.mount)]
    # Even where the version is the same: the content is another, or was tampered with.
    done = subprocess.run([*where, "dpkg", "-i", f"/{DEB}"], capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"{node.name}: the package cannot be installed: {done.stderr[-300:]}")
    (root / MARK).write_text(deb.name)
    return True


def up_to_date(root: Path, deb: Path) -> bool:
    """Returns whether the package below root is this one, and its files as it brought them."""
    mark = root / MARK
    if not mark.exists() or mark.read_text() != deb.name:
        return False
    fence = root / FENCE
    ours = (REPO / "provision" / "fence_paf_lab").read_bytes()
    if not fence.exists() or fence.read_bytes() != ours:
        return False
    words = ("dpkg", f"--root={root}", "--verify", "paf-haproxy")
    return not run(words, check=False).stdout.strip()
