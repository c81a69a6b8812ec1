"""What a node spends on routing and checks: CPU seconds of processes over some time at rest.

Prints, over `seconds`: of each HAProxy by its configuration; of PostgreSQL's backend that the
agent's HAProxy keeps; of the postmaster's children that came and went, which the checks make; of
systemd with all its children that came and went; and of the agent's recurring monitor, one run.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TICK = os.sysconf("SC_CLK_TCK")
RUNS = 20


def words(pid: str) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")


def times(pid: str, children: bool = False) -> float:
    """Returns the CPU s of a process, or of its children that ended and were waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    first = 13 if children else 11
    return (int(fields[first]) + int(fields[first + 1])) / TICK


def look(postmaster: str) -> dict[str, float]:
    found: dict[str, float] = {"postmaster": times(postmaster, children=True)}
    found["systemd"] = times("1") + times("1", children=True)
    for entry in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208
        try:
            argv = words(entry)
            if argv[0].endswith("haproxy") and "-f" in argv:
                name = f"haproxy {argv[argv.index('-f') + 1]}"
            elif argv[0].startswith("postgres: ") and " haproxy postgres " in argv[0]:
                name = "backend"
            else:
                continue
            found[name] = found.get(name, 0.0) + times(entry)
        except OSError:
            continue  # it has gone meanwhile
    return found


def monitor(settings: dict[str, Any]) -> float:
    """Returns the CPU s of one recurring monitor, as Pacemaker runs it."""
    environ = {
        "PATH": os.environ["PATH"],
        "OCF_ROOT": "/usr/lib/ocf",
        "OCF_RESOURCE_INSTANCE": "haproxy",
        "OCF_RESKEY_CRM_meta_on_node": settings["node"],
        "OCF_RESKEY_CRM_meta_interval": "4000",
        "OCF_RESKEY_CRM_meta_timeout": "20000",
        **settings["environ"],
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(RUNS):
        done = subprocess.run([settings["agent"], "monitor"], env=environ, check=False)
        if done.returncode not in (0, 8):
            sys.exit(f"the monitor ended with {done.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / RUNS


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    postmaster = Path(settings["pgdata"], "postmaster.pid").read_text().split()[0]
    began, before = time.monotonic(), look(postmaster)
    time.sleep(settings["seconds"])
    after, took = look(postmaster), time.monotonic() - began
    spent = {name: after[name] - before.get(name, 0.0) for name in after}
    print(json.dumps({"seconds": took, "cpu": spent, "monitor": monitor(settings)}), flush=True)


main()
