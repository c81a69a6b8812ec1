"""The machine on which an application runs: drivers, and nothing of the cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ... import image, network
from ...layout import PACKAGE
from ...lock import locked
from ...node import APPLICATION
from . import figures
from .driver import FILES

SILENT = 5999
PATIENCE = 12  # s
PROGRAMS = PACKAGE / "clients" / "drivers"


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


def gives_up_after(command: str) -> float | None:
    """Returns after how many s a driver gives a connection up that is accepted and gets no answer,
    as in HAProxy's hold; None if it has not after PATIENCE s. command: of three sessions, to
    port SILENT of the machine itself.
    """
    # A backlog of the kernel: connections are accepted, and nobody answers.
    listen = (
        f"import socket, time; s = socket.create_server(('127.0.0.1', {SILENT})); time.sleep(99)"
    )
    script = f'python3 -c "{listen}" & pid=$!; sleep 1; sleep {PATIENCE} | {command};'
    script += " code=$?; kill $pid; exit $code"  # a driver that did not run has not waited
    said = APPLICATION.run("sh", "-c", script, timeout=PATIENCE * 3).stdout
    errors = [each for each in figures.read(said) if each.error is not None]
    return min((round(each.end - each.start, 1) for each in errors), default=None)


def know(user: str, password: str) -> None:
    """Lets every driver find the password: all of them read the same file."""
    _write("/root/.pgpass", f"*:*:*:{user}:{password}\n")


def _discard() -> None:
    APPLICATION.power_off()
    APPLICATION.remove()


def _write(path: str, text: str) -> None:
    script = 'umask 077; mkdir -p "$(dirname "$1")"; cat >"$1"'
    APPLICATION.run("sh", "-c", script, "sh", path, input=text)
