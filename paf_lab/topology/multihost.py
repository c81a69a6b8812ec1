"""No proxy at all: libpq tries the nodes one after another."""

from __future__ import annotations

from collections.abc import Mapping

from ..access import Access
from ..layout import DATABASE_NODES
from ..node import Node
from . import clients
from .paf import GUARD, OnPaf
from .vip import Vip

MULTIHOST = Access(targets=clients.targets(clients.READ_WRITE, clients.PREFER_STANDBY))


class Multihost(OnPaf):
    """Clients and standbys name all nodes."""

    name = "multihost"
    summary = "PAF, and libpq with three hosts and target_session_attrs"
    haproxy = False
    access = MULTIHOST

    def environment(self, node: Node) -> Mapping[str, str]:
        # Not itself: pg_hba.conf rejects that, and libpq tries no other host after a rejection.
        others = ",".join(name for name in DATABASE_NODES if name != node.name)
        where = f"host={others} port=5434 connect_timeout=2"
        return {"CONNINFO": f"{where} target_session_attrs=read-write", "PG_HBA": GUARD}


class MultihostVip(Vip):
    """For an experiment: the standbys follow an address, so that what differs from `multihost` is
    the way of replication, and what differs from `vip` is that writers try all nodes.
    """

    name = "multihost-vip"
    summary = "PAF, clients with three hosts, standbys that follow a virtual address"
    access = MULTIHOST
