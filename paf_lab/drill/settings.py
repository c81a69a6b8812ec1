"""What a drill assumes of the cluster, its pace, and its bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..access import CONNECTING, OPEN, POOLED, POOLED_READER, READER, SESSION, Access

# A new connection costs about 8 ms of CPU, all sides together.
EVERY = {CONNECTING: 0.1, SESSION: 0.05, READER: 0.25}
"""s from the start of one attempt to the next, by kind of client."""
TRANSACTION = 0.05
"""s that a transaction through PgBouncer is open; the next one follows at once."""


@dataclass(frozen=True)
class Bars:
    """What a run may not exceed; times in s."""

    ratio: float = 1.3
    """Write outage of the worst connecting client / PAF's switchover, in the same run."""
    route_delay: float = 0.2
    """95th percentile over all runs and nodes."""
    haproxy_back: float = 2.0
    """Beyond the monitor's interval, after HAProxy was killed."""


@dataclass(frozen=True, kw_only=True)
class Settings(Access):
    """The way to the cluster, and the pace of what runs there. The defaults are the lab's."""

    every: dict[str, float] = field(default_factory=lambda: dict(EVERY))
    """s from the start of one attempt to the next, by kind of client."""
    iterations: int = 1
    """Of the SCRAM verifier of the clients' password."""
    transaction: float = TRANSACTION
    watch_every: float = 0.01
    """s between two questions to PostgreSQL, and to HAProxy, on each node."""
    seconds: float = 900
    """Longest that a program in a node runs, s."""
    most: int = 100_000
    """Most attempts of one client."""
    retry_pause: float = 0
    """s that a client waits after an attempt that was not acknowledged, at least. 0: it goes on as
    if nothing had happened."""
    patience: float = 40
    """s after which a client gives a connection up; longer than a hold."""
    warm_up: float = 3
    """s of undisturbed work before the event."""
    cool_down: float = 2
    """s of undisturbed work after the cluster is whole again."""
    deadline: float = 90
    """s until the cluster must be healthy: before the event, and again after it."""
    patience_with_leftovers: float = 10
    """s until what keeps a cluster from being healthy before the event is taken to be left over."""
    slowness: float = 1.0
    """How many times slower the machines are than the lab's: clients and watchers ask that much
    more rarely, and wait that much longer; pauses and deadlines are that much longer, too."""
    bars: Bars = field(default_factory=Bars)

    @staticmethod
    def of(access: Access, kinds: Sequence[str]) -> Settings:
        """Returns the settings with which clients of these kinds work on a cluster that is reached
        so.
        """
        return Settings(**vars(access), every={kind: EVERY[kind] for kind in kinds})

    def with_pooled(self, transaction: float = TRANSACTION) -> Settings:
        """Returns the settings with sessions through PgBouncer, if there is one. transaction: s
        that each of their transactions is open.
        """
        if not self.pooler_port:
            return self
        pooled = {"port": self.pooler_port, "sslmode": "prefer"}
        targets = {
            POOLED: {**pooled, "dbname": self.database},
            POOLED_READER: {**pooled, "dbname": f"{self.database}_ro"},
        }
        every = {**self.every, POOLED: transaction, POOLED_READER: transaction}
        targets = {**self.targets, **targets}
        return replace(self, every=every, targets=targets, transaction=transaction)

    def with_open_loop(self, rate: float) -> Settings:
        """Returns the settings with a client more on each node: it begins `rate` requests a s."""
        return replace(self, every={**self.every, OPEN: 1 / rate})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def clients(self, node: str, password: str) -> dict[str, Any]:
        """Returns what paf_lab/clients/load.py takes."""
        return {
            "node": node,
            "every": {kind: every * self.slowness for kind, every in self.every.items()},
            "targets": self.targets,
            "most": self.most,
            "transaction": self.transaction * self.slowness,
            "seconds": self.seconds * self.slowness,
            "patience": 5 * self.slowness,
            "retry_pause": self.retry_pause * self.slowness,
            "prod_port": self.prod_port,
            "stdby_port": self.stdby_port,
            "connect": {
                "host": "127.0.0.1",
                "dbname": self.database,
                "user": self.user,
                "password": password,
                "connect_timeout": int(self.patience * self.slowness),
                "sslmode": "disable",
                "gssencmode": "disable",
            },
        }

    def watch_postgres(self, node: str) -> dict[str, Any]:
        """Returns what paf_lab/clients/watch_postgres.py takes."""
        return {
            "node": node,
            "every": self.watch_every * self.slowness,
            "seconds": self.seconds * self.slowness,
            "connect": {
                "host": self.pghost,
                "port": self.pgport,
                "dbname": "postgres",
                "user": "postgres",
                "application_name": "drill-watch",
            },
        }

    def watch_haproxy(self, node: str) -> dict[str, Any]:
        """Returns what paf_lab/clients/watch_haproxy.py takes."""
        return {
            "node": node,
            "every": self.watch_every * self.slowness,
            "seconds": self.seconds * self.slowness,
            "socket": self.admin_socket,
        }
