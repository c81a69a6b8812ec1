"""HAProxy that speaks PostgreSQL's protocol itself, and asks pg_is_in_recovery()."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from ..node import Node
from . import proxy
from .paf import GUARD
from .proxy import OnPafWithProxy

QUERY = b"SELECT pg_is_in_recovery()"
NO, YES = "66", "74"  # the letters f and t


def startup(user: str, database: str) -> str:
    """Returns the first message of a session, in hex (PostgreSQL, "Message Formats")."""
    words = b"\0".join(each.encode() for each in ("user", user, "database", database)) + b"\0\0"
    return (struct.pack(">II", len(words) + 8, 3 << 16) + words).hex()


def message(kind: bytes, body: bytes = b"") -> str:
    """Returns a message of the protocol, in hex."""
    return (kind + struct.pack(">I", len(body) + 4) + body).hex()


def checks(answer: str) -> tuple[str, ...]:
    """Returns the lines of a check that passes with this answer of one letter."""
    row = message(b"D", struct.pack(">HI", 1, 1) + bytes.fromhex(answer))
    return (
        "option tcp-check",
        "tcp-check connect",
        f"tcp-check send-binary {startup('haproxy', 'postgres')}",
        f"tcp-check send-binary {message(b'Q', QUERY + bytes(1))}",
        # Before the answer: PostgreSQL closes the connection then, and a wrong one fails at once.
        f"tcp-check send-binary {message(b'X')}",
        f"tcp-check expect binary {row}",
    )


class SqlCheck(OnPafWithProxy):
    """Whoever reaches PostgreSQL's port may be the user haproxy, without a password."""

    name = "sql-check"
    summary = "PAF, and HAProxy that asks PostgreSQL in its own protocol (trust)"
    pace = proxy.DECK
    more: tuple[str, ...] = ()
    """Lines of both pools beside those of the check."""

    def environment(self, node: Node) -> Mapping[str, str]:
        hba = f"{GUARD}\nhost postgres haproxy samenet trust"
        return {**super().environment(node), "PG_HBA": hba}

    def sections(self) -> tuple[str, ...]:
        pools = (("prod", NO), ("stdby", YES))
        return tuple(
            proxy.pool(name, (*self.more, *checks(role)), self.pace) for name, role in pools
        )


class SqlCheckTuned(SqlCheck):
    """Checks come four times a second while a server is down or its state is in doubt (HAProxy
    Configuration Manual, "Server and default-server options": inter, fastinter, downinter, fall,
    rise, on-marked-down). A failed check is repeated once: a false alarm would end all sessions.
    """

    name = "sql-check-tuned"
    summary = "the same, with shorter intervals and timeouts"
    pace = (
        "inter 500ms fastinter 250ms downinter 250ms fall 2 rise 1 on-marked-down shutdown-sessions"
    )
    more = proxy.FAST_FAILURE
