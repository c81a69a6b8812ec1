"""A mount namespace in which /sys/fs/cgroup is cgroup v2.

systemd 258 and later boots in a container only with cgroup v2 (its release notes). A host with
cgroup v1 has the other hierarchy, too, and it can be mounted instead in a namespace of our own. All
commands of such a lab run in that namespace.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .layout import RUN, SUITE
from .shell import run

NEED_V2 = ("forky",)
"""The suites whose systemd needs it."""
CGROUP = "/sys/fs/cgroup"
FILE = RUN / "mounts"
"""Keeps the namespace while no command runs in it."""
INSIDE = "PAF_LAB_MOUNTS"
REMOUNT = f"umount --recursive {CGROUP} && mount -t cgroup2 none {CGROUP}"
CHANGE_TO = 'cd "$1" && shift && exec "$@"'


def unified(mounts: str) -> bool:
    """Returns whether /sys/fs/cgroup is cgroup v2, by the text of /proc/self/mounts. Pure."""
    lines = (line.split() for line in mounts.splitlines())
    return any(words[1] == CGROUP and words[2] == "cgroup2" for words in lines)


def enter() -> None:
    """Lets the command that runs go on in the namespace if the nodes need it. Returns if not."""
    if SUITE not in NEED_V2 or os.environ.get(INSIDE):
        return
    if unified(Path("/proc/self/mounts").read_text()):
        return
    if not os.path.ismount(FILE):
        _make()
    ours = [sys.executable, "-m", "paf_lab", *sys.argv[1:]]
    here = ["sh", "-c", CHANGE_TO, "sh", str(Path.cwd()), *ours]
    command = ["nsenter", f"--mount={FILE}", "--", *here]
    environment = {**os.environ, INSIDE: "yes"}
    if sys.argv[1:2] == ["down"]:
        code = subprocess.run(command, env=environment, check=False).returncode
        _remove()
        sys.exit(code)
    os.execvpe(command[0], command, environment)  # noqa: S606 - ourselves


def _make() -> None:
    # The file of a mount namespace can be kept only on a mount that is private (unshare(1)).
    RUN.mkdir(parents=True, exist_ok=True)
    if not os.path.ismount(RUN):
        run(["mount", "--bind", str(RUN), str(RUN)])
        run(["mount", "--make-private", str(RUN)])
    FILE.touch()
    run(["unshare", f"--mount={FILE}", "sh", "-c", REMOUNT])


def _remove() -> None:
    for mount in (FILE, RUN):
        run(["umount", "--lazy", str(mount)], check=False)
    FILE.unlink(missing_ok=True)
