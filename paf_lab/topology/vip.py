"""The classic: an address that follows the primary."""

from __future__ import annotations

from collections.abc import Mapping

from ..access import Access
from ..node import Node
from . import clients
from .paf import CLONE, GUARD, OnPaf, Pcs

ADDRESS = "10.20.30.60"
WRITERS: clients.Words = {"host": ADDRESS, "port": 5434, **clients.DIRECT}


class Vip(OnPaf):
    """The address comes after the promotion and goes after the demotion, as in PAF's documentation:
    the last WAL goes through it. Readers name all nodes, since no address follows the standbys.
    """

    name = "vip"
    summary = "PAF and a virtual address (ocf:heartbeat:IPaddr2)"
    haproxy = False
    access = Access(targets=clients.targets(WRITERS, clients.PREFER_STANDBY))

    def environment(self, node: Node) -> Mapping[str, str]:
        # The old primary may still hold the address; it must not replicate from itself.
        return {"CONNINFO": f"host={ADDRESS} port=5434", "PG_HBA": GUARD}

    def resources(self, pcs: Pcs) -> None:
        address = (f"ip={ADDRESS}", "cidr_netmask=24")
        pcs("resource", "create", "vip", "ocf:heartbeat:IPaddr2", *address, *MONITORED)
        with_the_primary(pcs, "vip")


MONITORED = ("op", "monitor", "interval=10s", "timeout=20s")


def with_the_primary(pcs: Pcs, resource: str) -> None:
    """A resource runs where the primary is: from after the promotion until after the demotion."""
    pcs("constraint", "colocation", "add", resource, "with", "Promoted", CLONE, "INFINITY")
    for action, then in (("promote", "start"), ("demote", "stop")):
        words = (action, CLONE, "then", then, resource, "kind=Mandatory", "symmetrical=false")
        pcs("constraint", "order", *words)
