"""Clients of the cluster, through the HAProxy of the node that they run in.

connecting  opens a connection for every write
session     keeps its session, and reconnects when it is lost
reader      opens a connection to the standbys' pool for every read
open        opens a connection for every write, at a fixed rate: it does not wait for answers
pooled, pooled-reader
            keep a session with PgBouncer; each attempt is a transaction of several statements
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

READ_ONLY = "25006"  # read_only_sql_transaction, PostgreSQL documentation, "Error Codes"
WRITE = """INSERT INTO drill.writes (client, sequence) VALUES (%s, %s)
    RETURNING host(inet_server_addr()), pg_is_in_recovery(),
              substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"""
READ = "SELECT host(inet_server_addr()), pg_is_in_recovery(), NULL"

ending = threading.Event()
_writing = threading.Lock()


def put(record: dict[str, Any]) -> None:
    line = json.dumps(record) + "\n"
    with _writing:
        sys.stdout.write(line)
        sys.stdout.flush()


class Client(threading.Thread):
    """kind: connecting, session, reader or pooled*. keeps: whether it keeps its session."""

    def __init__(self, kind: str, settings: dict[str, Any], keeps: bool = False) -> None:
        super().__init__(daemon=True)
        self.kind = kind
        self.node = settings["node"]
        self.writes = not kind.endswith("reader")
        self.think = settings["transaction"] if kind.startswith("pooled") else 0.0
        self.keeps = keeps
        self.every = settings["every"][kind]
        self.retry_pause = settings.get("retry_pause", 0)
        self.sequences = range(settings["first"], settings["first"] + settings["most"])
        self.target = dict(settings["connect"], application_name="drill-" + kind)
        self.target["port"] = settings["prod_port" if self.writes else "stdby_port"]
        self.target.update(settings["targets"].get(kind, {}))
        self.connection: Any = None
        self.current: dict[str, Any] | None = None
        self.due = 0.0

    def run(self) -> None:
        due = time.monotonic()
        for sequence in self.sequences:
            # Late requests are dropped: after a hold there is no burst.
            due = max(due + self.every, time.monotonic())
            outcome = self.attempt(sequence)
            if outcome != "ack" and self.retry_pause:
                due = max(due, time.monotonic() + self.retry_pause)
            if ending.wait(max(0, due - time.monotonic())):
                break
        self.drop()

    def attempt(self, sequence: int) -> str:
        record: dict[str, Any] = {
            "kind": self.kind,
            "node": self.node,
            "sequence": sequence,
            "new": self.connection is None,
            "start": self.due or time.time(),
            "session": None,
        }
        self.current = record
        try:
            if self.connection is None:
                self.connection = psycopg2.connect(**self.target)
                self.connection.autocommit = not self.think
            record["session"] = time.time()
            with self.connection.cursor() as cursor:
                cursor.execute(WRITE if self.writes else READ, self.arguments(sequence))
                server, in_recovery, timeline = cursor.fetchone()
                if self.think:
                    time.sleep(self.think)
                    cursor.execute("SELECT 1")
                    self.connection.commit()
            record.update(server=server, in_recovery=in_recovery, timeline=timeline)
            record["outcome"] = "ack" if in_recovery != self.writes else "misrouted"
        except psycopg2.Error as error:
            record["outcome"] = self.outcome(record, error)
            record["sqlstate"] = error.pgcode
            record["error"] = str(error).strip().partition("\n")[0][:200]
            self.drop()
        record["end"] = time.time()
        if not self.keeps:
            self.drop()
        self.current = None
        put(record)
        return str(record["outcome"])

    def arguments(self, sequence: int) -> tuple[str, int] | None:
        return (self.node + "/" + self.kind, sequence) if self.writes else None

    def outcome(self, record: dict[str, Any], error: psycopg2.Error) -> str:
        if record["session"] is None:
            return "refused"
        if error.pgcode == READ_ONLY:
            return "misrouted"
        return "unknown" if self.connection.closed else "failed"

    def drop(self) -> None:
        if self.connection is not None:
            try:
                self.connection.close()
            except psycopg2.Error:
                pass
            self.connection = None

    def cut_off(self) -> None:
        """Records the attempt that is still under way at the end."""
        record = self.current
        if record is not None:
            record["outcome"] = "unknown" if record["session"] else "refused"
            record["error"] = "no answer when the drill ended"
            put(dict(record, end=time.time()))


class OpenLoop(threading.Thread):
    """Begins a request when it is due, each in a thread of its own. "start" is when it was due."""

    def __init__(self, kind: str, settings: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.kind = kind
        self.settings = settings
        self.under_way: set[Client] = set()

    def run(self) -> None:
        every = self.settings["every"][self.kind]
        first = self.settings["first"]
        began, clock = time.monotonic(), time.time()
        for number in range(self.settings["most"]):
            if ending.wait(max(0, began + number * every - time.monotonic())):
                break
            client = Client(self.kind, self.settings)
            client.due = clock + number * every
            thread = threading.Thread(target=self.ask, args=(client, first + number), daemon=True)
            self.under_way.add(client)
            thread.start()

    def ask(self, client: Client, sequence: int) -> None:
        client.attempt(sequence)
        self.under_way.discard(client)

    def cut_off(self) -> None:
        """Records the requests that are still under way at the end."""
        for client in list(self.under_way):
            client.cut_off()


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    signal.signal(signal.SIGTERM, lambda *_: ending.set())

    def watch_input() -> None:
        sys.stdin.read()
        ending.set()

    threading.Thread(target=watch_input, daemon=True).start()
    keeping = ("session", "pooled", "pooled-reader")
    clients: list[Client | OpenLoop] = [
        OpenLoop(kind, settings)
        if kind == "open"
        else Client(kind, settings, keeps=kind in keeping)
        for kind in settings["every"]
    ]
    began = time.monotonic()
    for client in clients:
        client.start()
    ending.wait(settings["seconds"])
    ending.set()
    patience = time.monotonic() + settings["patience"]
    for client in clients:
        client.join(max(0, patience - time.monotonic()))
        client.cut_off()
    used = time.process_time()
    elapsed = time.monotonic() - began
    put({"kind": "usage", "node": settings["node"], "cpu": used, "elapsed": elapsed})
    os._exit(0)


main()
