"""Many connections at once, as when all clients of a primary have lost their sessions.

It reads its settings from the first line of its standard input: connect (libpq's parameters),
count, seconds. At the second line it opens all connections at a time. Each logs in, asks one
question and is closed. It prints what came of them.

answered, misrouted (by a standby), failed: of `count`. waiting: most that were under way at one
moment. longest: s until an answer. errors: the first texts.
"""

from __future__ import annotations

import json
import resource
import select
import sys
import time
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE

QUESTION = "SELECT pg_is_in_recovery()"
SPARE = 64  # files beside those of the connections
SHOWN = 3


class Storm:
    """The connections of one node, in one thread."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.connect = settings["connect"]
        self.seconds = settings["seconds"]
        self.counts = dict.fromkeys(("answered", "misrouted", "failed"), 0)
        self.errors: list[str] = []
        self.waiting = 0
        self.longest = 0.0
        self.under_way: dict[int, tuple[Any, float, Any]] = {}
        """By file descriptor: connection, when it was opened, the cursor that has asked or None."""
        self.poll = select.epoll()

    def open(self) -> None:
        try:
            connection = psycopg2.connect(async_=True, **self.connect)
        except psycopg2.Error as error:
            self.fail(error)
            return
        number = connection.fileno()
        self.under_way[number] = connection, time.monotonic(), None
        self.poll.register(number, select.EPOLLOUT)
        self.proceed(number)

    def run(self, count: int) -> dict[str, Any]:
        began = time.monotonic()
        for _ in range(count):
            self.open()
            self.waiting = max(self.waiting, len(self.under_way))
        while self.under_way and time.monotonic() < began + self.seconds:
            for number, _ in self.poll.poll(0.1):
                self.proceed(number)
        for number in list(self.under_way):
            self.end(number, psycopg2.OperationalError("no answer when the storm ended"))
        return {
            **self.counts, "opened": count, "waiting": self.waiting, "longest": self.longest,
            "errors": self.errors,
        }  # fmt: skip

    def proceed(self, number: int) -> None:
        connection, began, cursor = self.under_way[number]
        try:
            state = connection.poll()
            if state == POLL_OK and cursor is None:
                cursor = connection.cursor()  # psycopg2 itself keeps only a weak reference
                cursor.execute(QUESTION)
                self.under_way[number] = connection, began, cursor
                state = connection.poll()
            if state == POLL_OK:
                self.end(number)
            elif state in (POLL_READ, POLL_WRITE):
                events = select.EPOLLIN if state == POLL_READ else select.EPOLLOUT
                self.poll.modify(number, events)
        except psycopg2.Error as error:
            self.end(number, error)

    def end(self, number: int, error: psycopg2.Error | None = None) -> None:
        connection, began, cursor = self.under_way.pop(number)
        try:
            self.poll.unregister(number)
        except OSError:
            pass  # libpq has closed it, which takes it out of the poll
        if error is not None:
            self.fail(error)
        else:
            self.longest = max(self.longest, time.monotonic() - began)
            (in_recovery,) = cursor.fetchone()
            self.counts["misrouted" if in_recovery else "answered"] += 1
        connection.close()

    def fail(self, error: psycopg2.Error) -> None:
        self.counts["failed"] += 1
        if len(self.errors) < SHOWN:
            self.errors.append(str(error).strip().partition("\n")[0][:200])


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    count = settings["count"]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, most)))
    storm = Storm(settings)
    if sys.stdin.readline():
        print(json.dumps(storm.run(count)), flush=True)


main()
