"""CPU seconds that all processes of a node take over some time, those that came and went too."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def total() -> float:
    """Returns the CPU s of all that live, and of their children that ended and were waited for."""
    found = 0
    for entry in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208
        try:
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has gone meanwhile
        if int(entry) != os.getpid():
            found += sum(int(field) for field in fields[11:15])
    return found / TICK


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    began, before = time.monotonic(), total()
    time.sleep(settings["seconds"])
    after, took = total(), time.monotonic() - began
    print(json.dumps({"seconds": took, "cpu": after - before}), flush=True)


main()
