"""Expectations with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
PAUSE = 0.02


def eventually(look: Callable[[], T], what: str, within: float = 10.0) -> T:
    """Looks until it sees something true, `within` seconds at most; an exception is not true."""
    end = time.monotonic() + within
    last = "nothing"
    while True:
        try:
            found = look()
        except Exception as error:
            last = f"{type(error).__name__}: {error}"
        else:
            if found:
                return found
            last = repr(found)
        if time.monotonic() > end:
            raise AssertionError(f"not within {within:g} s: {what}; last seen: {last}")
        time.sleep(PAUSE)


def at_once(*tasks: Callable[[], object]) -> None:
    """Does several things side by side; fails if one of them does."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()


def always(look: Callable[[], object], what: str, during: float) -> None:
    """Fails as soon as what should be true is not."""
    end = time.monotonic() + during
    while time.monotonic() < end:
        if not look():
            raise AssertionError(f"not always: {what}")
        time.sleep(PAUSE)


class Waiting:
    """Asks in a thread, and keeps what came of it."""

    def __init__(self, look: Callable[[], Any]) -> None:
        self.started = time.monotonic()
        self.took = 0.0
        self.answer: Any = None
        self.error: Exception | None = None
        self._look = look
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.answer = self._look()
        except Exception as error:
            self.error = error
        self.took = time.monotonic() - self.started

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()

    def end(self, within: float = 10) -> Any:
        self._thread.join(within)
        assert not self.waits, f"no answer within {within:g} s"
        if self.error:
            raise self.error
        return self.answer
