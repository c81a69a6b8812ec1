"""This project: an agent that leads HAProxy by Pacemaker's notifications."""

from __future__ import annotations

from collections.abc import Mapping

from .. import health
from ..access import Access
from ..node import Node
from ..scripts import script
from . import pooler
from .paf import OnPaf

SWITCHED_WITHIN = 400.0  # s: the checkpoints come first


class PafHaproxy(OnPaf):
    """HAProxy is a clone of Pacemaker's; nothing is polled but whether a server answers."""

    name = "paf-haproxy"
    summary = "HAProxy on every node, led by PAF's own promote and demote notifications"
    scripts = ("30-fencing", "50-paf", "60-haproxy", "70-constraints")
    made_by = "haproxy"
    access = Access(pooler_port=pooler.PORT)

    def environment(self, node: Node) -> Mapping[str, str]:
        # Drills kill PostgreSQL more often in an hour than the agent reports by default.
        return {"HAPROXY_OPTIONS": "pooler=/run/postgresql crash_reports=1000"}

    def seed(self, node: Node) -> None:
        script(node, pooler.NAME, "role")

    def equip(self, node: Node) -> None:
        script(node, pooler.NAME, "node")

    def switch_over(self, old: str, new: str) -> None:
        words = ("paf-haproxy", "switchover", new)
        health.anyone().run(*words, timeout=SWITCHED_WITHIN)

    def lacking(self) -> str:
        return health.healthy()
