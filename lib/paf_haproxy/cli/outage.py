"""What the HAProxy of this node saw of a change of primary."""

from __future__ import annotations

import threading
import time

from ..ocf import AgentError
from ..runtime import Runtime, admin_socket

PAUSE = 0.02  # s between two looks
BACKEND = "show stat prod 2 -1"
"""The line of the pool (Management Guide, "show stat"; 2: backends)."""


class Outage:
    """How long prod had no server, and how many connections waited. Use it with `with`.

    seconds: the sum of all times without a server. held: the most connections that waited.
    """

    def __init__(self, statedir: str) -> None:
        self.seconds = 0.0
        self.held = 0
        self.serves = True
        self._cli = Runtime(admin_socket(statedir), timeout=1)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Outage:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        last = time.monotonic()
        while not self._end.wait(PAUSE):
            try:
                waiting, servers = read(self._cli.ask(BACKEND))
            except AgentError:
                continue
            now = time.monotonic()
            if not self.serves:
                self.seconds += now - last
            last, self.serves = now, servers > 0
            self.held = max(self.held, waiting)


def read(text: str) -> tuple[int, int]:
    """Returns the connections that wait, and the servers that are up. Raises AgentError if the text
    is not that of `show stat`.
    """
    lines = [line for line in text.splitlines() if line]
    if len(lines) < 2:
        raise AgentError("HAProxy tells nothing of prod")
    row = dict(zip(lines[0].lstrip("# ").split(","), lines[1].split(",")))
    try:
        return int(row["qcur"]), int(row["act"])
    except (KeyError, ValueError) as error:
        raise AgentError(f"HAProxy tells nothing of prod: {error}") from error
