"""How long a notify action takes as a whole process, measured on a node."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..drill.audits import Finding
from ..drill.figures import median, percentile
from ..drill.programs import CLIENTS
from ..node import Node

AGENT = "/usr/lib/ocf/resource.d/paf/haproxy"
STATEDIR = "/run/paf-haproxy-bench"
PORTS = {
    "prod_port": "15432",
    "stdby_port": "15433",
    "state_port": "15431",
    "role_port": "15435",
    "stats_port": "17000",
    "rest_port": "18008",
}
MOST = 0.030
"""s, the bar of the median."""
FACTOR, PLUS = 1.5, 0.015
"""The other bar: so many times the median of `python3 -IS -c pass`, plus so many s."""


@dataclass(frozen=True)
class Sample:
    """One notification and the bare Python beside it, in s. changed: HAProxy's servers did."""

    event: str
    notify: float
    python: float
    changed: bool


def measure(node: Node, nodes: Sequence[str], runs: int) -> list[Sample]:
    """Measures on a node. Raises LabError if the agent or its HAProxy fails."""
    settings = {
        "node": node.name,
        "nodes": list(nodes),
        "runs": runs,
        "agent": AGENT,
        "statedir": STATEDIR,
        "parameters": {**PORTS, "nodes": " ".join(nodes)},
    }
    source = (CLIENTS / "bench_notify.py").read_text()
    line = json.dumps(settings) + "\n"
    done = node.run("python3", "-c", source, input=line, timeout=120 + runs)
    return [Sample(**sample) for sample in json.loads(done.stdout)["samples"]]


def judge(samples: Sequence[Sample]) -> list[Finding]:
    """Returns the verdict. Pure."""
    notify = median([sample.notify for sample in samples])
    python = median([sample.python for sample in samples])
    beside = FACTOR * python + PLUS
    idle = sum(not sample.changed for sample in samples)
    return [
        Finding("notify, median", notify <= MOST, _ms(notify), _ms(MOST), f"of {len(samples)}"),
        Finding(
            f"notify, median, against {FACTOR:g} x Python + {_ms(PLUS)}",
            notify <= beside,
            _ms(notify),
            _ms(beside),
            f"python3 -IS -c pass: {_ms(python)}",
        ),
        Finding("notifications that changed nothing", idle == 0 < len(samples), str(idle), "0"),
    ]


def as_json(samples: Sequence[Sample]) -> dict[str, Any]:
    """Returns the figures, in ms. Pure."""
    events = sorted({sample.event for sample in samples})
    return {
        "runs": len(samples),
        "notify_ms": _spread([sample.notify for sample in samples]),
        "python_ms": _spread([sample.python for sample in samples]),
        "by_event_ms": {
            event: _spread([sample.notify for sample in samples if sample.event == event])
            for event in events
        },
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    shown = {"min": min(values), "median": median(values), "p95": percentile(values, 0.95)}
    return {name: round(value * 1000, 2) for name, value in shown.items()}


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
