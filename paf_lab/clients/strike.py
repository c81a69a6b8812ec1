"""Kills a process at a moment after a line of the agent's journal, once.

Its settings are the first line of its standard input. notified: how the line begins. offset: s from
the line's own time to the kill. pid: the process, or None: then it is the one whose command line
contains `pattern`, at the moment or up to `patience` s later. seconds: longest that it waits.

It prints one line: notified and struck (s of the epoch; struck is None if there was nothing to
kill) and the pid.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOLLOW = (
    "journalctl", "--follow", "--lines=0", "--quiet", "--output=json",
    "--identifier=paf-haproxy",
)  # fmt: skip
LOOK_EVERY = 0.002  # s


def notified(prefix: str, seconds: float) -> float | None:
    """Returns when the line was logged, s of the epoch; None if it does not come."""
    end = time.monotonic() + seconds
    with subprocess.Popen(FOLLOW, stdout=subprocess.PIPE, bufsize=0) as journal:
        try:
            return _await(journal, prefix, end)
        finally:
            journal.kill()


def _await(journal: subprocess.Popen[bytes], prefix: str, end: float) -> float | None:
    assert journal.stdout is not None
    rest = b""
    while (left := end - time.monotonic()) > 0:
        if not select.select([journal.stdout], [], [], left)[0]:
            break
        chunk = os.read(journal.stdout.fileno(), 65536)
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            fields = json.loads(line)
            if str(fields.get("MESSAGE", "")).startswith(prefix):
                stamp = fields.get("_SOURCE_REALTIME_TIMESTAMP") or fields["__REALTIME_TIMESTAMP"]
                return int(stamp) / 1e6
    return None


def find(pattern: str) -> int | None:
    """Returns the pid of a process whose command line contains the pattern, but not our own."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        pid = int(path.parent.name)
        if pattern in words and pid != os.getpid():
            return pid
    return None


def kill(settings: dict[str, Any]) -> int | None:
    """Returns the pid that was killed; None if there was none within the patience."""
    end = time.monotonic() + settings["patience"]
    while True:
        pid = settings["pid"] or find(settings["pattern"])
        if pid is not None:
            try:
                os.kill(pid, signal.SIGKILL)
                return int(pid)
            except ProcessLookupError:
                pass  # it has just ended
        if settings["pid"] or time.monotonic() > end:
            return None
        time.sleep(LOOK_EVERY)


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    at = notified(settings["notified"], settings["seconds"])
    if at is None:
        return
    time.sleep(max(0.0, at + settings["offset"] - time.time()))
    pid = kill(settings)
    struck = time.time() if pid is not None else None
    print(json.dumps({"notified": at, "struck": struck, "pid": pid}), flush=True)


main()
