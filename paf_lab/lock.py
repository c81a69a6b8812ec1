"""Locks that keep two commands of the lab apart."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator

from .errors import LabError
from .layout import RUN


@contextlib.contextmanager
def _held(name: str, what: str) -> Iterator[None]:
    """Holds the lock of this name. Raises LabError if another command holds it. what: that command,
    in words.
    """
    RUN.mkdir(parents=True, exist_ok=True)
    with (RUN / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LabError(f"another {what} is at work: wait for it") from error
        yield


def alone() -> contextlib.AbstractContextManager[None]:
    """Holds the lock of drills and measurements: two at a time would judge each other's faults."""
    return _held("drill.lock", "drill")


def locked() -> contextlib.AbstractContextManager[None]:
    """Holds the lock of `lab up` and `lab down`: two at a time would build and remove one lab."""
    return _held("lock", "lab up or lab down")
