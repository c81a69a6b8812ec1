"""The machine on which an application runs: drivers, and nothing of the cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ... import image, network
from ...layout import REPO
from ...lock import locked
from ...node import APPLICATION
from .driver import FILES

PROGRAMS = REPO / "lab" / "clients" / "drivers"


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Boots the machine with all drivers on it, and takes it away afterwards."""
    try:
        with locked():
            network.up()
            _discard()
            APPLICATION.lay_out(image.build(image.APPLICATION))
            APPLICATION.boot()
        APPLICATION.await_ready()
        for program in sorted(PROGRAMS.iterdir()):
            _write(f"{FILES}/{program.name}", program.read_text())
        compiler = ("ecj", "-17", "-proc:none", "-d", FILES, f"{FILES}/Sessions.java")
        APPLICATION.run(*compiler, timeout=120)
        yield
    finally:
        _discard()


def know(user: str, password: str) -> None:
    """Lets every driver find the password: libpq and pgjdbc read the same file."""
    _write("/root/.pgpass", f"*:*:*:{user}:{password}\n")


def _discard() -> None:
    APPLICATION.power_off()
    APPLICATION.remove()


def _write(path: str, text: str) -> None:
    script = 'umask 077; mkdir -p "$(dirname "$1")"; cat >"$1"'
    APPLICATION.run("sh", "-c", script, "sh", path, input=text)
