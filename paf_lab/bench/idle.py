"""What routing and checks cost a node at rest, in CPU s per hour: ours, and the deck's."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree import ElementTree

from ..drill import commands
from ..drill.audits import Finding
from ..drill.programs import CLIENTS
from ..errors import LabError
from ..layout import PGDATA
from ..node import Node
from . import rivals

AGENT = "/usr/lib/ocf/resource.d/paf/haproxy"
OURS, DECK = "paf-haproxy", "deck"
SHARE = 0.2
"""The bar: of what the deck's setup costs."""
HOUR = 3600


@dataclass(frozen=True)
class Cost:
    """cpu: s per hour."""

    who: str
    what: str
    cpu: float


def measure(node: Node, nodes: Sequence[Node], seconds: float) -> list[Cost]:
    """Measures on one node of a cluster at rest, without the deck's setup and with it."""
    role = "Promoted" if _promoted(node) else "Unpromoted"
    interval = commands.monitor_interval(node, "haproxy", role)
    if not interval:
        raise LabError(f"resource haproxy has no monitor for its role {role}")
    without = _look(node, seconds)
    with rivals.deck(nodes):
        time.sleep(5)
        beside = _look(node, seconds)
    return costs(without, beside, interval)


def costs(without: Mapping[str, Any], beside: Mapping[str, Any], interval: float) -> list[Cost]:
    """Returns the parts of both. What systemd and the postmaster spend on children is the deck's as
    far as it is more than without it. Pure.
    """
    own = _per_hour(without)
    more = {name: cpu - own.get(name, 0.0) for name, cpu in _per_hour(beside).items()}
    deck = more.get(f"haproxy {rivals.CONFIGURATION}")
    ours = [cpu for name, cpu in own.items() if name.startswith("haproxy ")]
    if deck is None or not ours:
        raise LabError("a HAProxy was not there to be measured")
    return [
        Cost(OURS, "HAProxy", sum(ours)),
        Cost(OURS, "its session to PostgreSQL", own.get("backend", 0.0)),
        Cost(OURS, "checks that PostgreSQL answers, and all else that connects", own["postmaster"]),
        Cost(OURS, f"monitor, every {interval:g} s", without["monitor"] * HOUR / interval),
        Cost(DECK, "HAProxy", deck),
        Cost(DECK, "systemd socket and psql", more["systemd"]),
        Cost(DECK, "PostgreSQL, for psql", more["postmaster"]),
    ]


def _per_hour(told: Mapping[str, Any]) -> dict[str, float]:
    return {name: cpu * HOUR / told["seconds"] for name, cpu in told["cpu"].items()}


def _promoted(node: Node) -> bool:
    done = node.run("crm_resource", "--resource", "haproxy-clone", "--locate")
    return any(line.endswith(f"{node.name} Promoted") for line in done.stdout.splitlines())


def _look(node: Node, seconds: float) -> dict[str, Any]:
    settings = {
        "node": node.name,
        "agent": AGENT,
        "pgdata": PGDATA,
        "seconds": seconds,
        "environ": _parameters(node),
    }
    source = (CLIENTS / "cpu.py").read_text()
    line = json.dumps(settings) + "\n"
    done = node.run("python3", "-c", source, input=line, timeout=seconds + 60)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _parameters(node: Node) -> dict[str, str]:
    """Returns the resource's parameters as the agent gets them."""
    xpath = "//primitive[@id='haproxy']"
    answer = node.run("cibadmin", "--query", "--xpath", xpath).stdout
    root = ElementTree.fromstring(answer)  # noqa: S314 - Pacemaker's own
    pairs = root.iterfind("instance_attributes/nvpair")
    return {f"OCF_RESKEY_{pair.get('name')}": pair.get("value", "") for pair in pairs}


def judge(found: Sequence[Cost]) -> list[Finding]:
    """Returns the verdict. Pure."""
    ours = sum(each.cpu for each in found if each.who == OURS)
    deck = sum(each.cpu for each in found if each.who == DECK)
    share = ours / deck if deck > 0 else float("inf")
    detail = f"{ours:.0f} s / {deck:.0f} s an hour"
    return [Finding("ours / the deck's", share <= SHARE, f"{share:.2f}", f"{SHARE:g}", detail)]


def as_json(found: Sequence[Cost]) -> dict[str, Any]:
    return {"cpu_seconds_per_hour": [asdict(each) for each in found]}
