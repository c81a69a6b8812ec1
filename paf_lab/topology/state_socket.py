"""The deck of PAF's author: a systemd socket that forks psql for each of HAProxy's checks."""

from __future__ import annotations

from ..layout import PGBIN
from ..node import Node
from . import proxy
from .proxy import OnPafWithProxy

PORT = 5431
ROLES = {"prod": "production", "stdby": "standby"}
SOCKET = """[Unit]
Description=Local PostgreSQL state, as in the deck
[Socket]
ListenStream={port}
Accept=yes
[Install]
WantedBy=sockets.target
"""
SERVICE = """[Unit]
Description=Local PostgreSQL state, as in the deck
[Service]
User=postgres
ExecStart={psql} -p {pgport} -Atc \
  "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'production' END"
StandardOutput=socket
"""
PSQL = "/usr/bin/psql"
"""Debian's wrapper in Perl, as in the deck; it starts the psql of the instance's version."""


class StateSocket(OnPafWithProxy):
    """Units, checks and pace as on its slides."""

    name = "state-socket"
    summary = "PAF, and HAProxy that polls a systemd socket (the deck)"
    pace = proxy.DECK
    more: tuple[str, ...] = ()
    """Lines of both pools beside those of the check."""
    psql = PSQL
    pgport = 5434

    def sections(self) -> tuple[str, ...]:
        return tuple(
            proxy.pool(name, (*self.more, *checks(role)), self.pace) for name, role in ROLES.items()
        )

    def route(self, node: Node) -> None:
        for name, text in deck_units("pgsql-state", PORT, self.psql, self.pgport).items():
            (node.root / "etc/systemd/system" / name).write_text(text)
        node.run("systemctl", "daemon-reload")
        node.run("systemctl", "enable", "--now", "--quiet", "pgsql-state.socket")
        super().route(node)


class StateSocketTuned(StateSocket):
    """Shorter intervals (HAProxy Configuration Manual, "Server and default-server options": inter,
    fastinter, downinter, fall, rise, on-marked-down), and psql without Debian's wrapper, which
    takes most of the time of a check. The intervals are longer than those of `sql-check-tuned`,
    because each check forks a psql.
    """

    name = "state-socket-tuned"
    summary = "the same, with shorter intervals and timeouts, and psql without Debian's wrapper"
    pace = "inter 1s fastinter 250ms downinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions"
    more = proxy.FAST_FAILURE
    psql = f"{PGBIN}/psql"


def deck_units(name: str, port: int, psql: str = PSQL, pgport: int = 5434) -> dict[str, str]:
    """Returns the deck's two units of this name, by their files."""
    return {
        f"{name}.socket": SOCKET.format(port=port),
        f"{name}@.service": SERVICE.format(psql=psql, pgport=pgport),
    }


def checks(role: str) -> tuple[str, ...]:
    """Returns the lines of a check that passes if the socket tells this role."""
    expect = f"tcp-check expect string {role}"
    return "option tcp-check", f"tcp-check connect port {PORT}", expect
