"""Measures the agent's notify action as a whole process, against a HAProxy made for the purpose.

The HAProxy has ports and a state directory of its own and is started and stopped by the agent,
under a resource name that Pacemaker does not manage; the cluster's own is not touched. Between any
two notifications stands one `python3 -IS -c pass`, the least that a Python process costs on the
machine at that moment.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from typing import Any

PYTHON = ["/usr/bin/python3", "-IS", "-c", "pass"]
TURNS = (("pre-demote", "post-promote"), ("pre-promote", "post-promote"))
"""A switchover, whose pre-demote leaves the pre-promote nothing to do, and a failover."""
META = "OCF_RESKEY_CRM_meta_"


def notice(event: str, old: str, new: str, nodes: list[str]) -> dict[str, str]:
    """Returns a notification's variables as Pacemaker 2.1 sets them; an empty list is a space."""
    kind, operation = event.split("-")
    lists = {
        "promote": [new],
        "demote": [old],
        "start": [],
        "stop": [],
        "active": [],
        "inactive": [],
        "promoted": [old],
        "master": [old],
        "unpromoted": [node for node in nodes if node != old],
        "slave": [node for node in nodes if node != old],
    }
    found = {META + "notify_type": kind, META + "notify_operation": operation}
    for name, members in lists.items():
        found[META + f"notify_{name}_uname"] = "".join(f"{node} " for node in members) or " "
        found[META + f"notify_{name}_resource"] = "".join("haproxy " for _ in members) or " "
    for name in ("available", "all"):
        found[META + f"notify_{name}_uname"] = "".join(f"{node} " for node in nodes)
    return found


def timed(argv: list[str], environment: dict[str, str]) -> float:
    """Returns how long a program takes from its start to its end, in s."""
    nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    began = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, environment, file_actions=nowhere)
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - began
    if status:
        raise SystemExit(f"{argv} ended with {os.waitstatus_to_exitcode(status)}")
    return took


def servers(path: str) -> list[tuple[str, ...]]:
    """Returns pool, server and administrative state of all servers."""
    with socket.socket(socket.AF_UNIX) as haproxy:
        haproxy.settimeout(3)
        haproxy.connect(path)
        haproxy.sendall(b"show servers state\n")
        lines = haproxy.makefile().read().splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return [(row[1], row[3], row[6]) for row in rows if len(row) > 6]


def perform(agent: str, action: str, environment: dict[str, str]) -> None:
    done = subprocess.run([agent, action], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{action} ended with {done.returncode}: {done.stderr.strip()[-300:]}")


def measure(settings: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    agent, nodes = settings["agent"], settings["nodes"]
    admin = settings["statedir"] + "/admin.sock"
    old, new = nodes[0], nodes[1]

    def notify(event: str) -> dict[str, str]:
        return {**environment, **notice(event, old, new, nodes)}

    perform(agent, "notify", notify("post-promote"))
    old, new = new, old
    samples: list[dict[str, Any]] = []
    before = servers(admin)
    while len(samples) < settings["runs"]:
        for turn in TURNS:
            for event in turn:
                variables = notify(event)
                sample: dict[str, Any] = {"event": event}
                sample["notify"] = timed([agent, "notify"], variables)
                sample["python"] = timed(PYTHON, environment)
                after = servers(admin)
                sample["changed"] = after != before
                before = after
                samples.append(sample)
            old, new = new, old
    return {"samples": samples}


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    environment = {
        "PATH": os.environ["PATH"],
        "OCF_ROOT": "/usr/lib/ocf",
        "OCF_RESOURCE_INSTANCE": "paf-haproxy-bench",
        "OCF_RESKEY_statedir": settings["statedir"],
        META + "on_node": settings["node"],
        META + "timeout": "20000",
    }
    for name, value in settings["parameters"].items():
        environment["OCF_RESKEY_" + name] = value
    shutil.rmtree(settings["statedir"], ignore_errors=True)
    try:
        perform(settings["agent"], "start", environment)
        print(json.dumps(measure(settings, environment)))
    finally:
        perform(settings["agent"], "stop", environment)
        shutil.rmtree(settings["statedir"], ignore_errors=True)


main()
