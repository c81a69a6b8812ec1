"""The Debian package of this source tree: what the nodes get, as any other machine would."""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from pathlib import Path

from .errors import LabError
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
    _make(tree, target)
    packages = sorted(CACHE.glob("paf-haproxy-*.deb"), key=lambda path: path.stat().st_mtime)
    for old in packages[:-KEPT]:
        old.unlink()


def _make(tree: Path, target: Path) -> None:
    """Builds the package of a source tree in WORK, which is removed then."""
    # -d: the host has what is needed (paf_lab/host.py); another Debian may call it otherwise.
    words = ["env", "-C", str(tree), "dpkg-buildpackage", "-us", "-uc", "-b", "-d"]
    run(words, timeout=300)
    (made,) = WORK.glob("paf-haproxy_*.deb")
    made.replace(target)
    shutil.rmtree(WORK)


def variant(version: str) -> Path:
    """Returns the path of the same package with another version, for an upgrade."""
    return _versioned(build(), version, CACHE / "upgrade.deb")


def older(revision: str, version: str) -> Path:
    """Returns the path of the package of an earlier commit of this checkout, with this version.

    Raises LabError if this is no checkout, if it does not have the commit, or if the package cannot
    be built from it.
    """
    words = ["git", "-C", str(REPO), "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"]
    commit = run(words, check=False).stdout.strip()
    if not commit:
        raise LabError(f"the checkout {REPO} has no commit {revision}: git fetch --unshallow")
    with BUILDING:
        target = CACHE / f"older-{commit[:12]}.deb"
        if not target.exists():
            _build_commit(commit, target)
    return _versioned(target, version, CACHE / "older.deb")


def _build_commit(commit: str, target: Path) -> None:
    tree, archive = WORK / "source", WORK / "source.tar"
    shutil.rmtree(WORK, ignore_errors=True)
    tree.mkdir(parents=True)
    run(["git", "-C", str(REPO), "archive", "--output", str(archive), commit])
    run(["tar", "-x", "-f", str(archive), "-C", str(tree)])
    _make(tree, target)


def _versioned(deb: Path, version: str, target: Path) -> Path:
    """Makes a package with the content of another, and this version. Returns its path."""
    tree = target.with_suffix("")
    shutil.rmtree(tree, ignore_errors=True)
    run(["dpkg-deb", "--raw-extract", str(deb), str(tree)])
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
