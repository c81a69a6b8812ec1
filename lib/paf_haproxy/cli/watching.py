"""`paf-haproxy status --watch`: full-screen with python3-rich, and repeated text without it."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import sys
import termios
import threading
import time
import tty
from typing import TYPE_CHECKING

from ..ocf import AgentError
from . import findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from .findings import Finding
    from .screen import Watched
    from .survey import Cluster

    Seen = tuple[Cluster, list[Finding]]

CLEAR = "\x1b[H\x1b[2J"
PAUSE = 0.25  # s between two looks at the keyboard and at the size of the terminal
WITHOUT_RICH = "For a full-screen view with the latest changes, install the package python3-rich."


def watch(look: Callable[[], Seen], text: Callable[..., str], every: float) -> int:
    """Shows what `look` returns every so many s, until q or Ctrl-C. text: as `status` prints it.

    Returns the grade of the last look. Raises AgentError if the first look fails.
    """
    try:
        from rich.console import Console  # optional
    except ImportError:
        return repeat(look, lambda *seen: f"{text(*seen)}\n{WITHOUT_RICH}\n", every)
    console = Console(highlight=False, emoji=False)
    if console.is_dumb_terminal:
        return repeat(look, text, every)
    return full_screen(look, every, console)


def repeat(look: Callable[[], Seen], text: Callable[..., str], every: float) -> int:
    """Prints the text again and again, until Ctrl-C."""
    clear = CLEAR if sys.stdout.isatty() else ""
    while True:
        sys.stdout.write(clear + text(*look()))
        sys.stdout.flush()
        time.sleep(every)


def full_screen(look: Callable[[], Seen], every: float, console: Console) -> int:
    """Shows the view of `screen` until q or Ctrl-C. Returns the grade of the last look."""
    from rich.live import Live

    from .screen import Watched, screen

    cluster, first = look()
    now = time.time()
    watched = Watched(os.uname().nodename, every, now, cluster, first, now)
    watched.history.take(now, cluster)
    # A look can take seconds, and q must not wait for it.
    found: queue.Queue[tuple[float, Seen | Exception]] = queue.Queue()
    threading.Thread(target=_look_on, args=(look, every, found), daemon=True).start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the terminal is restored then too
    with keyboard() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        drawn = None
        while not pressed("q", PAUSE if drawn else 0):
            while not found.empty():
                _take(watched, *found.get())
                drawn = None
            if drawn != console.size:
                drawn = console.size
                live.update(screen(console, watched), refresh=True)
    return findings.grade(list(watched.findings))


def _look_on(
    look: Callable[[], Seen], every: float, found: queue.Queue[tuple[float, Seen | Exception]]
) -> None:
    while True:
        time.sleep(every)
        try:
            seen: Seen | Exception = look()
        except Exception as error:
            seen = error  # _take judges it
        found.put((time.time(), seen))


def _take(watched: Watched, at: float, seen: Seen | Exception) -> None:
    """Takes in what a look has found, or why it failed. Raises what is no AgentError."""
    if isinstance(seen, AgentError):
        watched.trouble = seen.reason
        return
    if isinstance(seen, Exception):
        raise seen
    watched.trouble = ""
    watched.cluster, watched.findings = seen
    watched.looked = at
    watched.history.take(at, watched.cluster)


@contextlib.contextmanager
def keyboard() -> Iterator[Callable[[str, float], bool]]:
    """Yields a function that waits so many s for a key, and returns whether it was that one."""
    if not sys.stdin.isatty():
        nobody = threading.Event()
        yield lambda _, within: nobody.wait(within)
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)

    def pressed(key: str, within: float) -> bool:
        if not select.select([terminal], [], [], within)[0]:
            return False
        return key.encode() in os.read(terminal, 64)

    try:
        tty.setcbreak(terminal)  # Ctrl-C remains a signal
        yield pressed
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
