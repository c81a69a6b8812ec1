"""The root file system that all nodes share, built from Debian packages with the host's mirror."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from . import cgroup, sources
from .layout import CACHE, POSTGRESQL, REPO, SUITE
from .shell import run

PACKAGES = (
    *(REPO / "provision" / "packages.txt").read_text().split(),
    f"postgresql-{POSTGRESQL[SUITE]}",
)
RIVALS = ("patroni", "etcd-server", "etcd-client", "keepalived")
"""What other topologies need besides. Their services are started where they are built."""
DISABLE = "systemctl disable --quiet patroni etcd keepalived"
SCRIPTS = [REPO / "provision" / name for name in ("node.sh", "container.sh")]
NEW = CACHE / "new"
BUILDER = "builder"
"""The control group in which the image is built: an interrupted build is found there, and ended."""


def path(rivals: bool = False) -> Path:
    """Returns where the image is, or will be: its name tells what it was made of."""
    recipe = " ".join([SUITE, *PACKAGES]) + "".join(script.read_text() for script in SCRIPTS)
    recipe += " ".join([*RIVALS, DISABLE]) if rivals else ""
    return CACHE / f"image-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def build(rivals: bool = False) -> Path:
    """Builds the image if it is not there, in about a minute. Returns its path.

    rivals: with what topologies other than this project's need.
    """
    target = path(rivals)
    packages = (*PACKAGES, *RIVALS) if rivals else PACKAGES
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(NEW, ignore_errors=True)
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}"]
        command += [f"--aptopt={line}" for line in sources.apt_options()]
        command += [f'--customize-hook=chroot "$1" bash -s < "{script}"' for script in SCRIPTS]
        command += [f'--customize-hook=chroot "$1" {DISABLE}'] if rivals else []
        command += [SUITE, str(NEW), *sources.find(SUITE)]
        try:
            run(cgroup.wrap(BUILDER, command), timeout=1800)
        finally:
            stop_build()
        NEW.rename(target)
    return target


def stop_build() -> None:
    """Ends what is left of an interrupted build."""
    cgroup.kill(BUILDER)


def mounted() -> dict[Path, Path]:
    """Returns the image below each overlay that is mounted, by the overlay's mount point."""
    found = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        for option in options.split(",") if kind == "overlay" else ():
            name, _, value = option.partition("=")
            if name == "lowerdir":
                found[Path(where)] = Path(value)
    return found


def remove_unused(used: set[Path | None]) -> None:
    """Removes all images but those on which a node stands."""
    for image in [*CACHE.glob("image-*"), NEW]:
        if image not in used:
            shutil.rmtree(image, ignore_errors=True)
    if not any(CACHE.glob("*")):
        shutil.rmtree(CACHE, ignore_errors=True)
