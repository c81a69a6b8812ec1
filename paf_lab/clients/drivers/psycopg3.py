"""Sessions of psycopg 3: psycopg3.py CLIENT WRITERS READERS [pipeline] [unprepared]

CLIENT: prefix of the names in the table. WRITERS, READERS: connection strings; three sessions, two
of them write. Prints a JSON object for each transaction, and ends when its input is closed.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import psycopg

THINK, PAUSE = 0.02, 0.1  # s inside a transaction, and between two
client, writers, readers = sys.argv[1:4]
options = sys.argv[4:]
ending = threading.Event()
printing = threading.Lock()


def put(record: dict[str, object]) -> None:
    with printing:
        print(json.dumps(record), flush=True)


def transaction(connection: psycopg.Connection, name: str, number: int, writes: bool) -> None:
    """Runs two statements in one transaction; in pipeline mode they are sent together."""
    first = "SELECT 1 WHERE %s <> '' AND %s > 0"
    if writes:
        first = "INSERT INTO drill.writes (client, sequence) VALUES (%s, %s)"
    if "pipeline" in options:
        with connection.pipeline(), connection.transaction():
            connection.execute(first, (name, number))
            connection.execute("SELECT pg_is_in_recovery()")
        return
    with connection.transaction():
        connection.execute(first, (name, number))
        time.sleep(THINK)
        connection.execute("SELECT pg_is_in_recovery()")


def work(session: int, target: str) -> None:
    writes = target == writers
    name = f"{client}/{session}"
    threshold: dict[str, Any] = {"prepare_threshold": None} if "unprepared" in options else {}
    connection = None
    number = 0
    while not ending.is_set():
        number += 1
        record: dict[str, object] = {
            "session": session, "writes": writes, "number": number,
            "new": connection is None, "start": time.time(), "error": None,
        }  # fmt: skip
        try:
            if connection is None:
                connection = psycopg.connect(target, **threshold)
            transaction(connection, name, number, writes)
        except psycopg.Error as error:
            text = str(error).strip().partition("\n")[0]
            record.update(error=text or type(error).__name__, sqlstate=error.sqlstate)
            if connection is not None:
                connection.close()
            connection = None
        put({**record, "end": time.time()})
        ending.wait(PAUSE)


for place, where in enumerate((writers, writers, readers), start=1):
    threading.Thread(target=work, args=(place, where), daemon=True).start()
sys.stdin.read()
ending.set()
time.sleep(1)  # for the transactions that are under way
