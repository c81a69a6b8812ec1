"""The root file systems on which nodes stand, built from Debian packages with the host's mirror."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import cgroup, handbook, sources
from .errors import LabError
from .layout import CACHE, PACKAGE, POSTGRESQL, REPO, SUITE
from .shell import run

PROVISION = REPO / "provision"
MACHINE = ("systemd-sysv", "dbus", "udev", "iproute2", "netbase", "procps", "less", "ncat")
"""What makes Debian's minimum a machine, and ncat, with which the lab asks it for its state."""
NEW = CACHE / "new"
BUILDER = "builder"
"""The control group in which the image is built: an interrupted build is found there, and ended."""

VIRTUAL = (
    "linux-image-amd64", "nftables", "rsync", "ifupdown", "isc-dhcp-client", "openssh-client",
)  # fmt: skip
"""What makes it a virtual machine, that Vagrant reaches."""
VAGRANT_KEYS = "/usr/share/rubygems-integration/all/gems/vagrant-*/keys/vagrant.pub"

DRIVERS = (
    "python3-psycopg", "default-jre-headless", "ecj", "libpostgresql-jdbc-java",
    "golang-go", "golang-github-jackc-pgx-v4-dev", "node-pg",
)  # fmt: skip
"""Client drivers: pgbench, psycopg 3, pgjdbc with Java and a compiler for it, pgx with Go,
node-postgres with Node.js.
"""
PGX_SOURCE = PACKAGE / "clients" / "drivers" / "pgx.go"
PGX = "/usr/local/bin/pgx-sessions"
"""The program of pgx. It is compiled in the image, so that no compiler runs beside the cluster."""

LAB, RIVALS, BLANK, BOX, APPLICATION = "lab", "rivals", "blank", "box", "application"
"""Everything that a node needs; with what other topologies need besides; Debian and no more; what a
node needs as one of Vagrant's machines; the machine of an application.
"""


@dataclass(frozen=True)
class Recipe:
    """What an image is made of. hooks: commands of the host's shell, $1 is the new root."""

    packages: tuple[str, ...]
    scripts: tuple[Path, ...]
    hooks: tuple[str, ...]


def _packages() -> tuple[str, ...]:
    """Returns what a node needs. Raises LabError if there is no source tree."""
    try:
        names = (PROVISION / "packages.txt").read_text().split()
    except FileNotFoundError:
        raise LabError(
            "no source tree of paf-haproxy here, and the nodes are made of it:"
            " go to a checkout (cd), then run lab again"
        ) from None
    return (*names, f"postgresql-{POSTGRESQL[SUITE]}")


def _lab() -> Recipe:
    scripts = tuple(PROVISION / name for name in ("node.sh", "container.sh"))
    hooks = tuple(f'chroot "$1" bash -s < "{each}"' for each in scripts)
    return Recipe(_packages(), scripts, hooks)


def _rivals() -> Recipe:
    # Patroni's package of Debian testing leaves the last two out, without which it knows no etcd.
    more = (
        "patroni", "etcd-server", "etcd-client", "keepalived",
        "python3-etcd", "python3-dnspython",
    )  # fmt: skip
    # Their services are started where they are built.
    disable = 'chroot "$1" systemctl disable --quiet patroni etcd keepalived'
    return Recipe((*_packages(), *more), _lab().scripts, (*_lab().hooks, disable))


def _blank() -> Recipe:
    script = PROVISION / "mirror.sh"
    wanted = " ".join(sorted({*handbook.packages(), *_depends()}))
    return Recipe(MACHINE, (script,), (f'bash "{script}" "$1" {wanted}',))


def _box() -> Recipe:
    root = PROVISION / "vagrant-root.sh"
    key = f'cat {VAGRANT_KEYS} >"$1/root/vagrant.pub"'
    packages = tuple(dict.fromkeys((*_packages(), *MACHINE, *VIRTUAL)))
    return Recipe(packages, (root,), (key, f'chroot "$1" bash -s < "{root}"'))


def _application() -> Recipe:
    # pgbench comes with the server, which must not run there.
    disable = 'chroot "$1" systemctl disable --quiet postgresql'
    server = f"postgresql-{POSTGRESQL[SUITE]}"
    copy = f'cp "{PGX_SOURCE}" "$1/root/pgx.go"'
    # Debian's packages of Go are a GOPATH, which needs no network.
    go = "env GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=/root/go-build CGO_ENABLED=0 go"
    build_pgx = f'chroot "$1" {go} build -o {PGX} /root/pgx.go'
    clean = 'rm -rf "$1/root/go-build"'
    packages = (*MACHINE, server, *DRIVERS)
    return Recipe(packages, (PGX_SOURCE,), (disable, copy, build_pgx, clean))


RECIPES: dict[str, Callable[[], Recipe]] = {
    LAB: _lab,
    RIVALS: _rivals,
    BLANK: _blank,
    BOX: _box,
    APPLICATION: _application,
}


def _depends() -> list[str]:
    """Returns what our own package depends on, by debian/control."""
    text = (REPO / "debian" / "control").read_text()
    (depends,) = re.findall(r"^Depends: (.*(?:\n .*)*)", text, re.MULTILINE)
    return re.findall(r"^([a-z0-9][a-z0-9.+-]+)", re.sub(r",\s*", "\n", depends), re.MULTILINE)


def path(kind: str = LAB) -> Path:
    """Returns where the image is, or will be: its name tells what it was made of."""
    recipe = RECIPES[kind]()
    texts = [SUITE, *recipe.packages, *recipe.hooks, *(each.read_text() for each in recipe.scripts)]
    return CACHE / f"image-{hashlib.sha256(' '.join(texts).encode()).hexdigest()[:12]}"


def build(kind: str = LAB) -> Path:
    """Builds the image if it is not there, in about a minute. Returns its path."""
    target = path(kind)
    recipe = RECIPES[kind]()
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(NEW, ignore_errors=True)
        command = ["mmdebstrap", "--quiet", "--variant=minbase"]
        command += [f"--include={','.join(recipe.packages)}"]
        command += [f"--aptopt={line}" for line in sources.apt_options()]
        command += [f"--customize-hook={hook}" for hook in recipe.hooks]
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
