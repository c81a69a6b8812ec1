"""Clients of `lab soak`, through the HAProxy of the node that they run in.

writer       keeps its session with prod, and reconnects when it is lost
connecting   opens a session with prod for every write
reader       keeps its session with prod, and reads how far each writer is
stdby        the same through stdby

They write what paf_lab/soak/history.py reads. Times are of the monotonic clock: the nodes of the
lab share it with their host.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from typing import Any

import psycopg2

READ_ONLY = "25006"  # read_only_sql_transaction, PostgreSQL documentation, "Error Codes"
ENDED = ("08", "57P", "XX")
"""Classes of errors after which it is not known whether the row is there."""
WRITE = """INSERT INTO soak.writes (round, client, sequence, value) VALUES (%s, %s, %s, %s)
    RETURNING host(inet_server_addr()), pg_is_in_recovery(),
    ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int,
    (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"""
READ = """SELECT host(inet_server_addr()), pg_is_in_recovery(), coalesce(max(sequence), 0)
    FROM soak.writes WHERE round = %s AND client = %s"""
KINDS = {"writer": "write", "connecting": "write", "reader": "read", "stdby": "standby-read"}

ending = threading.Event()
_writing = threading.Lock()


def put(record: dict[str, Any]) -> None:
    line = json.dumps(record) + "\n"
    with _writing:
        sys.stdout.write(line)
        sys.stdout.flush()


class Client(threading.Thread):
    """name: a key of KINDS."""

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.kind = KINDS[name]
        self.client = settings["node"] + "/" + name
        self.keeps = name != "connecting"
        self.every = settings["every"][name]
        self.first = settings["first"]
        self.round = settings["round"]
        self.counters = settings["counters"]
        port = settings["stdby_port" if name == "stdby" else "prod_port"]
        self.target = dict(settings["connect"], port=port, application_name="soak-" + name)
        self.connection: Any = None
        self.session = 0
        self.current: dict[str, Any] | None = None

    def run(self) -> None:
        sequence, due = self.first, time.monotonic()
        while not ending.is_set():
            # Late requests are dropped: after a hold there is no burst.
            due = max(due + self.every, time.monotonic())
            self.attempt(sequence)
            sequence += 1
            ending.wait(max(0, due - time.monotonic()))
        self.drop()

    def attempt(self, sequence: int) -> None:
        record: dict[str, Any] = {
            "kind": self.kind,
            "client": self.client,
            "sequence": sequence,
            "value": random.getrandbits(31) if self.kind == "write" else 0,
            "start": time.monotonic(),
        }
        if self.kind != "write":
            record["counter"] = self.counters[sequence % len(self.counters)]
        self.current = record
        try:
            if self.connection is None:
                self.session += 1
                self.connection = psycopg2.connect(**self.target)
                self.connection.autocommit = True
            with self.connection.cursor() as cursor:
                self.ask(cursor, record)
            record["outcome"] = "ack"
        except psycopg2.Error as error:
            record["outcome"] = self.outcome(error)
            record["error"] = str(error).strip().partition("\n")[0][:200]
            self.drop()
        self.current = None
        put(dict(record, session=self.session, end=time.monotonic()))
        if not self.keeps:
            self.drop()

    def ask(self, cursor: Any, record: dict[str, Any]) -> None:
        """Runs the statement, and notes the answer."""
        if self.kind == "write":
            row = (self.round, self.client, record["sequence"], record["value"])
            cursor.execute(WRITE, row)
            names = ["server", "recovery", "timeline", "lsn"]
        else:
            cursor.execute(READ, (self.round, record["counter"]))
            names = ["server", "recovery", "value"]
        record.update(zip(names, cursor.fetchone()))

    def outcome(self, error: psycopg2.Error) -> str:
        if self.connection is None:
            return "refused"
        if error.pgcode == READ_ONLY:
            return "read-only"
        over = self.connection.closed or (error.pgcode or "XX").startswith(ENDED)
        return "unknown" if over else "failed"

    def drop(self) -> None:
        if self.connection is not None:
            try:
                self.connection.close()
            except psycopg2.Error:
                pass
            self.connection = None

    def cut_off(self) -> None:
        """Records the attempt that is still under way at the end: it may yet be carried out."""
        record = self.current
        if record is not None:
            why = "no answer when the round ended"
            end = time.monotonic()
            put(dict(record, session=self.session, end=end, outcome="unknown", error=why))


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    signal.signal(signal.SIGTERM, lambda *_: ending.set())

    def watch_input() -> None:
        sys.stdin.read()
        ending.set()

    threading.Thread(target=watch_input, daemon=True).start()
    clients = [Client(name, settings) for name in settings["every"]]
    for client in clients:
        client.start()
    ending.wait(settings["seconds"])
    ending.set()
    patience = time.monotonic() + settings["patience"]
    for client in clients:
        client.join(max(0, patience - time.monotonic()))
        client.cut_off()
    os._exit(0)


main()
