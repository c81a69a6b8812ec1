"""What the nodes do while nothing happens: CPU of all processes, questions for their role."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..drill import commands
from ..drill.audits import Finding
from ..drill.programs import CLIENTS
from ..drill.settings import Settings
from ..errors import LabError
from ..node import Node
from ..shell import together

HOUR = 3600


@dataclass(frozen=True)
class Rest:
    """Of one node."""

    node: str
    cpu: float
    """CPU s per hour of all its processes."""
    questions: float
    """Connections per s to its role port: the other HAProxys' agent-checks."""


def measure(nodes: Sequence[Node], seconds: float) -> list[Rest]:
    """Measures all nodes at a time."""
    began, before = time.monotonic(), {node.name: _asked(node) for node in nodes}
    spent = cpu(nodes, seconds)
    after, took = {node.name: _asked(node) for node in nodes}, time.monotonic() - began
    return [
        Rest(node.name, spent[node.name], (after[node.name] - before[node.name]) / took)
        for node in nodes
    ]


def cpu(nodes: Sequence[Node], seconds: float) -> dict[str, float]:
    """Returns the CPU s per hour of each node, all its processes, those that come and go too."""
    found: dict[str, float] = {}
    program = (CLIENTS / "total_cpu.py").read_text()
    line = json.dumps({"seconds": seconds}) + "\n"

    def one(node: Node) -> None:
        done = node.run("python3", "-c", program, input=line, timeout=seconds + 60)
        told = json.loads(done.stdout)
        found[node.name] = told["cpu"] / told["seconds"] * HOUR

    together(one, nodes)
    return found


def _asked(node: Node) -> int:
    """Returns how many connections to the role port the node's HAProxy has had."""
    text = commands.haproxy(node, Settings(), "show stat").lstrip("# ")
    for row in csv.DictReader(text.splitlines()):
        if (row["pxname"], row["svname"]) == ("role", "FRONTEND"):
            return int(row["stot"])
    raise LabError(f"HAProxy on {node.name} does not tell how often it was asked")


def judge(found: Sequence[Rest]) -> list[Finding]:
    """Returns the verdict: nobody is asked for nothing, and everybody is asked."""
    silent = [each.node for each in found if each.questions <= 0]
    return [Finding("nodes that nobody asked", not silent, str(len(silent)), "0", " ".join(silent))]


def as_json(found: Sequence[Rest]) -> dict[str, Any]:
    """Returns the figures. Pure."""
    return {"nodes": [asdict(each) for each in found]}
