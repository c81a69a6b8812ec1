"""The deck of PAF's author: a systemd socket that forks psql for each of HAProxy's checks."""

from __future__ import annotations

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
ExecStart=/usr/bin/psql -p {pgport} -Atc \
  "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'production' END"
StandardOutput=socket
"""


class StateSocket(OnPafWithProxy):
    """Units, checks and pace as on its slides."""

    name = "state-socket"
    summary = "PAF, and HAProxy that polls a systemd socket (the deck)"
    pgport = 5434

    def sections(self) -> tuple[str, ...]:
        return tuple(proxy.pool(name, checks(role)) for name, role in ROLES.items())

    def route(self, node: Node) -> None:
        for name, text in deck_units("pgsql-state", PORT, self.pgport).items():
            (node.root / "etc/systemd/system" / name).write_text(text)
        node.run("systemctl", "daemon-reload")
        node.run("systemctl", "enable", "--now", "--quiet", "pgsql-state.socket")
        super().route(node)


def deck_units(name: str, port: int, pgport: int = 5434) -> dict[str, str]:
    """Returns the deck's two units of this name, by their files."""
    socket, service = SOCKET.format(port=port), SERVICE.format(pgport=pgport)
    return {f"{name}.socket": socket, f"{name}@.service": service}


def checks(role: str) -> tuple[str, ...]:
    """Returns the lines of a check that passes if the socket tells this role."""
    expect = f"tcp-check expect string {role}"
    return "option tcp-check", f"tcp-check connect port {PORT}", expect
