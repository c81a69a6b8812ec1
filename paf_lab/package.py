"""The Debian package of this source tree: what the nodes get, as any other machine would."""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from pathlib import Path

from .layout import CACHE, REPO
from .shell import run

SOURCES = ("agents", "bin", "debian", "docs", "haproxy", "lib", "pcs-scripts", "provision")
FILES = ("LICENSE", "Makefile", "README.md")
MEASURED = REPO / "docs" / "drills"
FIGURES = re.compile(r"(comparison|growth)\.(md|png)")
"""Nothing of the package is made of these. `lab compare` writes some after each topology."""
WORK = CACHE / "package"
BUILDING = threading.Lock()
KEPT = 3
"""Packages that are kept: whoever goes back to an earlier source need not build it again."""


def sources() -> list[Path]:
    """Returns the files that the package is made of, relative to the source tree, sorted."""
    found = [REPO / name for name in FILES]
    for folder in SOURCES:
        found += [path for path in (REPO / folder).rglob("*") if path.is_file() and not _made(path)]
    return sorted(path.relative_to(REPO) for path in found)


def _made(path: Path) -> bool:
    """Returns whether a file is the outcome of something, or no source of the package."""
    return bool(
        "__pycache__" in path.parts
        or path.suffix == ".7"
        or FIGURES.fullmatch(path.name)
        or MEASURED in path.parents
    )


def digest() -> str:
    """Returns what tells one content of the sources from another."""
    whole = hashlib.sha256()
    for path in sources():
        whole.update(f"{path}\0".encode() + (REPO / path).read_bytes() + b"\0")
    return whole.hexdigest()[:16]


def build() -> Path:
    """Builds the package unless it is there. Returns its path, whose name tells its sources.

    The nodes are prepared side by side: where the sources change under their hands, one of them
    builds, and the others wait for it.
    """
    with BUILDING:
        target = CACHE / f"paf-haproxy-{digest()}.deb"
        if not target.exists():
            _build(target)
        return target


def _build(target: Path) -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    tree = WORK / "paf-haproxy"
    for path in sources():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / path, tree / path)
    # -d: the host has what is needed (paf_lab/host.py); another Debian may call it otherwise.
    words = ["env", "-C", str(tree), "dpkg-buildpackage", "-us", "-uc", "-b", "-d"]
    run(words, timeout=300)
    (made,) = WORK.glob("paf-haproxy_*.deb")
    made.replace(target)
    shutil.rmtree(WORK)
    packages = sorted(CACHE.glob("paf-haproxy-*.deb"), key=lambda path: path.stat().st_mtime)
    for old in packages[:-KEPT]:
        old.unlink()


def variant(version: str) -> Path:
    """Returns the path of the same package with another version, for an upgrade."""
    tree, target = CACHE / "upgrade", CACHE / "upgrade.deb"
    shutil.rmtree(tree, ignore_errors=True)
    run(["dpkg-deb", "--raw-extract", str(build()), str(tree)])
    for file, line in (
        ("DEBIAN/control", f"Version: {version}\n"),
        ("usr/share/paf-haproxy/paf_haproxy/__init__.py", f'__version__ = "{version}"\n'),
    ):
        text = (tree / file).read_text()
        start = line.partition(version)[0]
        kept = [each for each in text.splitlines(keepends=True) if not each.startswith(start)]
        (tree / file).write_text("".join([*kept, line]))
    run(["dpkg-deb", "--root-owner-group", "--build", str(tree), str(target)])
    shutil.rmtree(tree)
    return target
