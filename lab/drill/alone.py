"""One drill at a time."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator

from ..errors import LabError
from ..layout import RUN


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Two drills at a time would judge each other's faults."""
    RUN.mkdir(parents=True, exist_ok=True)
    with (RUN / "drill.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LabError("another drill is at work: wait for it") from error
        yield
