"""Asks the local PostgreSQL for its role, over its Unix socket and past every HAProxy.

Prints each change: `at` is when the question was put that was answered differently, `before` when
the one before it was.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any

import psycopg2

QUESTION = """SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END"""


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())

    def watch_input() -> None:
        sys.stdin.read()
        ending.set()

    threading.Thread(target=watch_input, daemon=True).start()
    until = time.monotonic() + settings["seconds"]
    connection: Any = None
    last, before = "", None
    while not ending.wait(settings["every"]) and time.monotonic() < until:
        at = time.time()
        try:
            if connection is None:
                connection = psycopg2.connect(**settings["connect"])
                connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(QUESTION)
                role = cursor.fetchone()[0]
        except psycopg2.Error:
            if connection is not None:
                connection.close()
            connection, role = None, "down"
        if role != last:
            record = {"kind": "role", "node": settings["node"], "at": at, "before": before}
            print(json.dumps(dict(record, role=role)), flush=True)
        last, before = role, at
    os._exit(0)


main()
