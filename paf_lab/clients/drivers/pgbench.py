"""Sessions of pgbench: pgbench.py CLIENT WRITERS READERS PROGRAM [pipeline]

CLIENT: prefix of the names in the table. WRITERS, READERS: connection strings; three sessions, two
of them write. PROGRAM: pgbench. A session that pgbench gives up is started again. Prints a JSON
object for each transaction, and ends when its input is closed.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PLAIN = """\\set n :n + 1
BEGIN;
{first};
\\sleep 20 ms
SELECT pg_is_in_recovery();
END;
\\sleep 100 ms
"""
PIPELINE = """\\set n :n + 1
\\startpipeline
BEGIN;
{first};
SELECT pg_is_in_recovery();
END;
\\endpipeline
\\sleep 100 ms
"""
client, writers, readers, program = sys.argv[1:5]
pipeline = "pipeline" in sys.argv[5:]
ending = threading.Event()
printing = threading.Lock()
running: dict[int, subprocess.Popen[str]] = {}
place = Path(tempfile.mkdtemp())


def put(record: dict[str, object]) -> None:
    with printing:
        print(json.dumps(record), flush=True)


def told(log: Path, session: int, writes: bool, start: int) -> None:
    """Prints what pgbench has logged: client, transaction, microseconds, script, end (s, us)."""
    for count, line in enumerate(log.read_text().splitlines(), start=1):
        words = line.split()
        end = int(words[4]) + int(words[5]) / 1e6
        put({
            "session": session, "writes": writes, "number": start + count,
            "new": count == 1, "start": end - int(words[2]) / 1e6, "end": end, "error": None,
        })  # fmt: skip


def work(session: int, target: str) -> None:
    writes = target == writers
    first = "SELECT 1 WHERE :n > 0"
    if writes:
        first = f"INSERT INTO drill.writes VALUES ('{client}/{session}', :n)"  # noqa: S608
    script = place / f"script-{session}"
    script.write_text((PIPELINE if pipeline else PLAIN).format(first=first))
    starts = 0
    while not ending.is_set():
        start = starts * 1_000_000
        starts += 1
        prefix = place / f"log-{session}-{starts}"
        words = [program, "-n", "-c", "1", "-T", "900", "-f", str(script), "-D", f"n={start}"]
        words += ["-l", f"--log-prefix={prefix}", "-M", "extended" if pipeline else "simple"]
        running[session] = subprocess.Popen(
            [*words, target], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        _, said = running[session].communicate()
        ended = time.time()
        for log in place.glob(f"{prefix.name}.*"):
            told(log, session, writes, start)
        if not ending.is_set():
            lines = [line for line in said.splitlines() if "error" in line or "aborted" in line]
            why = (lines or ["pgbench ended"])[0]
            put({
                "session": session, "writes": writes, "number": 0,
                "new": "connection to server" in why, "start": ended, "end": ended,
                "error": why, "sqlstate": None,
            })  # fmt: skip
            ending.wait(0.1)


threads = [
    threading.Thread(target=work, args=(number, where))
    for number, where in enumerate((writers, writers, readers), start=1)
]
for thread in threads:
    thread.start()
sys.stdin.read()
ending.set()
for process in running.values():
    process.send_signal(signal.SIGALRM)  # as if its time (-T) were over: it writes its log
for thread in threads:
    thread.join(10)
