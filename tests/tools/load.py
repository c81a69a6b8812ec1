"""A client that connects anew for every write, and notes what became of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import psycopg2

from .instance import connect

WRITE = "INSERT INTO t SELECT current_setting('cluster_name'), clock_timestamp() RETURNING node"


@dataclass(frozen=True)
class Attempt:
    """started, ended: s. node: who took the write. error: why nobody did."""

    started: float
    ended: float
    node: str = ""
    error: str = ""

    @property
    def misrouted(self) -> bool:
        """Whether a standby got it: it refuses to write."""
        return "read-only" in self.error


class Load:
    """Use it with `with`: it ends, and its last attempt is over, when the block ends."""

    def __init__(self, address: str, port: int = 5432, every: float = 0.01) -> None:
        self.address = address
        self.port = port
        self.every = every
        self.attempts: list[Attempt] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(self.every):
            started = time.monotonic()
            node = error = ""
            try:
                connection = connect(self.address, self.port)
                try:
                    with connection.cursor() as cursor:
                        cursor.execute(WRITE)
                        (node,) = cursor.fetchone()
                finally:
                    connection.close()
            except psycopg2.Error as failure:
                error = " ".join(str(failure).split())
            self.attempts.append(Attempt(started, time.monotonic(), node, error))

    @property
    def failed(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.error]

    @property
    def misrouted(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.misrouted]

    def served_by(self, since: float = 0) -> list[str]:
        """Returns who served, in order, without repetitions."""
        found: list[str] = []
        for attempt in self.attempts:
            if attempt.started >= since and attempt.node and found[-1:] != [attempt.node]:
                found.append(attempt.node)
        return found

    def longest(self) -> float:
        """Returns the longest time that an attempt took, in s."""
        return max(attempt.ended - attempt.started for attempt in self.attempts)
