"""Answers a second and CPU for each: ours, the deck's socket, Patroni's REST API; one client."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..drill.audits import Finding
from ..drill.programs import CLIENTS
from ..errors import LabError
from ..node import Node
from . import rivals

STATE_PORT, REST_PORT = 5431, 8008
AS_FAST_AS_IT_CAN = 1_000_000
MOST_OF_A_SOCKET = 95
"""Connections a second: from 100 on systemd takes the socket for broken, and stops it."""
OVER_SOCKET, OVER_PATRONI = 100, 10
"""The bars: so many times as many answers."""


@dataclass(frozen=True)
class Rate:
    """answers: right ones, a second. cpu: of the whole machine without the client and without what
    it does at rest, s for each answer.
    """

    who: str
    what: str
    answers: float
    cpu: float
    wrong: int
    failed: int


def measure(node: Node, seconds: float) -> list[Rate]:
    """Measures one after the other. Raises LabError if one does not answer at all."""
    rest = idle(seconds)
    found = [
        rate("paf-haproxy", "text on 5431", node, (STATE_PORT, False), seconds, rest),
        rate("paf-haproxy", "HTTP on 8008", node, (REST_PORT, True), seconds, rest),
    ]
    with rivals.state_socket(node):
        port = rivals.SOCKET_PORT, False
        found.append(rate("deck", "systemd socket", node, port, seconds, rest, MOST_OF_A_SOCKET))
    with rivals.patroni():
        time.sleep(5)
        rest = idle(seconds)
        found.append(rate("Patroni", "REST API", None, (rivals.REST_PORT, True), seconds, rest))
    return found


def rate(
    who: str,
    what: str,
    node: Node | None,
    port: tuple[int, bool],
    seconds: float,
    rest: float,
    most: float = AS_FAST_AS_IT_CAN,
) -> Rate:
    """Measures one port of a node, or of this host. rest: CPU s in one second without load."""
    settings = {
        "targets": [("127.0.0.1", *port)],
        "rate": most,
        "seconds": seconds,
        "processes": 1,
        "at_a_time": 50 if most == AS_FAST_AS_IT_CAN else 4,
    }
    source, line = (CLIENTS / "flood.py").read_text(), json.dumps(settings) + "\n"
    before = busy()
    if node is not None:
        out = node.run("python3", "-c", source, input=line, timeout=seconds + 60).stdout
    else:
        command = ["/usr/bin/python3", "-c", source]
        out = subprocess.run(
            command, input=line, capture_output=True, text=True, timeout=seconds + 60, check=True
        ).stdout
    told = json.loads(out)
    right = told.get("right", 0)
    if not right:
        raise LabError(f"{who}, {what}: no right answer among {told.get('opened', 0)}")
    cpu = busy() - before - told["cpu"] - rest * told["seconds"]
    wrong, failed = told.get("wrong", 0), told.get("failed", 0)
    return Rate(who, what, right / told["seconds"], max(cpu, 0) / right, wrong, failed)


def busy() -> float:
    """Returns the CPU s that the machine has spent since its boot (proc(5), /proc/stat)."""
    first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    user, nice, system, _, _, irq, softirq, *_ = map(int, first.split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def idle(seconds: float) -> float:
    """Returns the CPU s that the machine spends in one second as it is."""
    before, began = busy(), time.monotonic()
    time.sleep(seconds)
    return (busy() - before) / (time.monotonic() - began)


def judge(found: Sequence[Rate]) -> list[Finding]:
    """Returns the verdict. Pure."""
    by = {each.what: each for each in found}
    socket, patroni = by["systemd socket"].answers, by["REST API"].answers
    verdict = []
    for what in ("text on 5431", "HTTP on 8008"):
        ours = by[what]
        right = ours.wrong == 0 == ours.failed
        verdict.append(
            Finding(f"{what}: wrong or unanswered", right, f"{ours.wrong + ours.failed}", "0")
        )
        times = ours.answers / socket
        verdict.append(
            Finding(
                f"{what} / systemd socket", times >= OVER_SOCKET, f"{times:.0f}", f"{OVER_SOCKET}"
            )
        )
    times = by["HTTP on 8008"].answers / patroni
    verdict.append(
        Finding("HTTP on 8008 / Patroni", times >= OVER_PATRONI, f"{times:.1f}", f"{OVER_PATRONI}")
    )
    return verdict


def versions() -> dict[str, str]:
    """Returns those of the programs on this host."""
    found = {}
    for name in ("patroni", "etcd"):
        done = subprocess.run([name, "--version"], capture_output=True, text=True, check=True)
        found[name] = done.stdout.split("\n")[0].split()[-1]
    return found


def as_json(found: Sequence[Rate]) -> dict[str, Any]:
    return {"rates": [asdict(each) for each in found]}
