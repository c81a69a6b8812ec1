"""Asks the local HAProxy for the states of its servers, over its runtime socket.

Prints each change: `at` is when the answer that differed was there, `before` when the one before
it was. Without an answer `states` is null.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time

# Bits of srv_admin_state (HAProxy Management Guide, "show servers state").
MAINT_BITS = 0x01 | 0x02 | 0x20
DRAIN_BITS = 0x08 | 0x10
UP = "2"


def ask(path: str) -> str:
    chunks: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as haproxy:
        haproxy.settimeout(1)
        haproxy.connect(path)
        haproxy.sendall(b"show servers state\n")
        while True:
            chunk = haproxy.recv(65536)
            if not chunk:
                return b"".join(chunks).decode()
            chunks.append(chunk)


def states(answer: str) -> dict[str, str]:
    found: dict[str, str] = {}
    columns: list[str] = []
    for line in answer.splitlines():
        if line.startswith("# "):
            columns = line[2:].split()
        elif columns and line.strip():
            fields = dict(zip(columns, line.split()))
            if "srv_name" not in fields:
                continue
            bits = int(fields["srv_admin_state"])
            admin = "maint" if bits & MAINT_BITS else "drain" if bits & DRAIN_BITS else "ready"
            serves = "up" if fields["srv_op_state"] == UP else "down"
            found[fields["be_name"] + "/" + fields["srv_name"]] = admin + " " + serves
    return found


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())

    def watch_input() -> None:
        sys.stdin.read()
        ending.set()

    threading.Thread(target=watch_input, daemon=True).start()
    until = time.monotonic() + settings["seconds"]
    last: dict[str, str] | None = {}
    before = None
    while not ending.wait(settings["every"]) and time.monotonic() < until:
        try:
            now = states(ask(settings["socket"])) or None
        except OSError:
            now = None
        at = time.time()
        if now != last:
            record = {"kind": "servers", "node": settings["node"], "at": at, "before": before}
            print(json.dumps(dict(record, states=now)), flush=True)
        last, before = now, at
    os._exit(0)


main()
