"""The timeouts that users of each way to the primary would set in their clients. Pure.

Sources: PostgreSQL's documentation, "Parameter Key Words" of libpq (connect_timeout,
tcp_user_timeout, keepalives_*, target_session_attrs). Clients of a HAProxy that holds connections
have what docs/clients.md names: the 40 s of Settings.patience in paf_lab/drill/settings.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..access import CONNECTING, OPEN, READER, SESSION
from ..layout import DATABASE_NODES

Words = Mapping[str, Any]
"""libpq's parameters. connect_timeout is in s, tcp_user_timeout in ms."""
WRITERS = (CONNECTING, SESSION, OPEN)

_SOON: Words = {"keepalives_idle": 3, "keepalives_interval": 1, "keepalives_count": 3}
PROXIED: Words = {"connect_timeout": 5, "tcp_user_timeout": 5000, **_SOON}
"""For a HAProxy that refuses if it has no server: it has 5 s to find one that works."""
DIRECT: Words = {"connect_timeout": 2, "tcp_user_timeout": 5000, **_SOON}
"""For an address that is PostgreSQL's own: a lost node answers nothing. 2 s for each address are
the least that libpq takes before PostgreSQL 18."""

HOSTS: Words = {"host": ",".join(DATABASE_NODES), "port": 5434, **DIRECT}
READ_WRITE: Words = {**HOSTS, "target_session_attrs": "read-write"}
PREFER_STANDBY: Words = {**HOSTS, "target_session_attrs": "prefer-standby"}


def targets(
    writers: Words, readers: Words | None = None, kinds: Sequence[str] = WRITERS
) -> dict[str, dict[str, Any]]:
    """Returns libpq's parameters by kind of client. readers: by default the same as writers'."""
    found = {kind: dict(writers) for kind in kinds}
    return {**found, READER: dict(writers if readers is None else readers)}
