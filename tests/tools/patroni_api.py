"""Patroni's own REST API, asked without a cluster: what it would answer for a node in some state.

The handler is Patroni's (patroni.api.RestApiHandler, from PyPI). Only what it asks about the node
is made up: whether it holds the leader's key, its role, its positions in the WAL.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import Any
from unittest import mock

UMASK = os.umask(0o022)  # Patroni changes it when it is imported (patroni.file_perm)

from patroni import api  # noqa: E402
from patroni.postgresql.misc import PostgresqlRole, PostgresqlState  # noqa: E402

os.umask(UMASK)

LSN = 100 << 20


@dataclass(frozen=True)
class State:
    """leads: whether the node is the primary. sync: 'sync', 'quorum' or ''. lag: bytes that are not
    replayed. receive_lag: bytes that are not received.
    """

    leads: bool
    sync: str = ""
    lag: int = 0
    receive_lag: int = 0

    @property
    def status(self) -> dict[str, Any]:
        """Returns what Patroni's get_postgresql_status() would."""
        if self.leads:
            xlog: dict[str, Any] = {"location": LSN}
        else:
            xlog = {
                "received_location": LSN - self.receive_lag,
                "replayed_location": LSN - self.lag,
            }
        found: dict[str, Any] = {
            "state": PostgresqlState.RUNNING,
            "role": PostgresqlRole.PRIMARY if self.leads else PostgresqlRole.REPLICA,
            "xlog": xlog,
        }
        if not self.leads:
            found["replication_state"] = "streaming"
        if self.sync:
            found[f"{self.sync}_standby"] = True
        return found


class _Connection:
    """One request on a connection that Patroni's handler reads from and writes to."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.answer = io.BytesIO()

    def makefile(self, *_: Any) -> io.BytesIO:
        return io.BytesIO(self.text)

    def sendall(self, data: bytes) -> None:
        self.answer.write(data)


def _server(state: State) -> mock.Mock:
    server = mock.Mock(http_extra_headers={})
    patroni = server.patroni
    patroni.dcs.cluster.status.last_lsn = LSN
    patroni.dcs.cluster.history = None
    patroni.dcs.cluster.config = None
    patroni.dcs.ttl = 30
    patroni.dcs.failsafe = None
    patroni.ha.is_leader.return_value = state.leads
    patroni.ha.is_paused.return_value = False
    patroni.ha.get_effective_tags.return_value = {}
    patroni.noloadbalance = False
    patroni.tags = {}
    patroni.next_run = float("inf")
    patroni.version, patroni.scheduled_restart = "4.1.5", None
    patroni.logger.queue_size, patroni.logger.NORMAL_LOG_QUEUE_SIZE = 0, 2
    postgresql = patroni.postgresql
    postgresql.role = state.status["role"]
    postgresql.state = PostgresqlState.RUNNING
    postgresql.sysid, postgresql.pending_restart_reason = "7", {}
    postgresql.scope, postgresql.name = "pgsqld-clone", "srv1"
    return server


def status(state: State, method: str, path: str) -> int:
    """Returns the status code that Patroni answers with."""
    connection = _Connection(f"{method} {path} HTTP/1.0\r\n\r\n".encode())
    settings = mock.Mock(is_standby_cluster=False, maximum_lag_on_failover=1048576)
    settings.from_cluster.return_value = settings
    with (
        mock.patch.object(api, "global_config", settings),
        mock.patch.object(api, "cluster_as_json", lambda _: {"members": []}),
        mock.patch.object(
            api.RestApiHandler, "get_postgresql_status", lambda *_, **__: dict(state.status)
        ),
    ):
        api.RestApiHandler(connection, ("127.0.0.1", 1), _server(state))
    return int(connection.answer.getvalue().split()[1])
