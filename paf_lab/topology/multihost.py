"""No proxy at all: libpq tries the nodes one after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..access import CONNECTING, READER, SESSION, Access
from ..layout import DATABASE_NODES
from ..node import Node
from .paf import GUARD, OnPaf

HOSTS: dict[str, Any] = {"host": ",".join(DATABASE_NODES), "port": 5434, "connect_timeout": 2}
WRITER = {**HOSTS, "target_session_attrs": "read-write"}
READ_FROM = {**HOSTS, "target_session_attrs": "prefer-standby"}


class Multihost(OnPaf):
    """connect_timeout is per host; 2 s is the least that libpq takes."""

    name = "multihost"
    summary = "PAF, and libpq with three hosts and target_session_attrs"
    haproxy = False
    access = Access(targets={CONNECTING: WRITER, SESSION: WRITER, READER: READ_FROM})

    def environment(self, node: Node) -> Mapping[str, str]:
        # Not itself: pg_hba.conf rejects that, and libpq tries no other host after a rejection.
        others = ",".join(name for name in DATABASE_NODES if name != node.name)
        where = f"host={others} port=5434 connect_timeout=2"
        return {"CONNINFO": f"{where} target_session_attrs=read-write", "PG_HBA": GUARD}
