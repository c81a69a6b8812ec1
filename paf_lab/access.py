"""How clients, watchers and Pacemaker's commands reach a cluster. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .layout import PGBIN, PGDATA

CONNECTING = "connecting"
SESSION = "session"
READER = "reader"
POOLED = "pooled"
POOLED_READER = "pooled-reader"
KINDS = (CONNECTING, SESSION, READER)
"""The kinds of clients of every drill."""
OPEN = "open"
"""Connects for every write like `connecting`, but at a fixed rate: whether earlier requests have
been answered or not. So a time without service is not seen by one request alone."""
POOLED_KINDS = (POOLED, POOLED_READER)
"""Sessions through PgBouncer, which are never without a transaction for long."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Ports, paths and names in a cluster. The defaults are the lab's."""

    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """libpq's parameters by kind of client, where they are not those of its local HAProxy."""
    prod_port: int = 5432
    stdby_port: int = 5433
    pooler_port: int = 0
    """PgBouncer's, on every node; 0: there is none."""
    pgport: int | str = 5434
    """Several, split by commas, with as many hosts: PostgreSQL is on one of them (libpq)."""
    pghost: str = "/run/postgresql"
    database: str = "app"
    user: str = "drill"
    pgdata: str = PGDATA
    bindir: str = PGBIN
    rebuild: str = ""
    """Command that makes the instance of a node anew from $PRIMARY's; the lab has its own way."""
    admin_socket: str = "/run/paf-haproxy/admin.sock"
    pgsql: str = "pgsqld"
    haproxy: str = "haproxy"

    @property
    def pgsql_clone(self) -> str:
        return f"{self.pgsql}-clone"

    @property
    def haproxy_clone(self) -> str:
        return f"{self.haproxy}-clone"
