"""A port that is open on the primary's node alone (ocf:heartbeat:portblock), and TCP checks."""

from __future__ import annotations

from ..node import Node
from . import proxy
from .paf import Pcs
from .proxy import OnPafWithProxy
from .vip import MONITORED, with_the_primary

PORT = 5435
AGENTS = "/usr/lib/ocf/resource.d"
AGENT = f"{AGENTS}/lab/portblock"
THEIRS, OURS = "^DROP${w}${1}${w}--", "^DROP${w}\\\\(${1}\\\\|6\\\\)${w}--"
"""resource-agents 4.12 looks for "tcp" where iptables 1.8.9, of the same Debian, prints a 6: it
never finds the rule that it has made, nor opens a port. This copy looks for both."""
UNIT = f"""[Unit]
Description=Port {PORT} is closed until Pacemaker opens it
[Service]
Type=oneshot
RemainAfterExit=yes
Environment=OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=closed OCF_RESKEY_action=block
Environment=OCF_RESKEY_protocol=tcp OCF_RESKEY_portno={PORT}
ExecStart={AGENT} start
[Install]
WantedBy=multi-user.target
"""
LISTENER = f"listen open\n    bind *:{PORT}\n    server nobody 127.0.0.1:1\n"
CLOSED = "paf-port-closed.service"


class Portblock(OnPafWithProxy):
    """The port is one that HAProxy listens on for that purpose: PostgreSQL's own must stay open for
    replication and readers. Readers are led to every node that answers, the primary's too.
    """

    name = "portblock"
    summary = "PAF, and HAProxy that tries a port which is open on the primary alone"

    def equip(self, node: Node) -> None:
        text = (node.root / AGENTS.lstrip("/") / "heartbeat/portblock").read_text()
        copy = node.root / AGENT.lstrip("/")
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(text.replace(THEIRS, OURS))
        copy.chmod(0o755)
        (node.root / "etc/systemd/system" / CLOSED).write_text(UNIT)
        node.run("systemctl", "daemon-reload")
        node.run("systemctl", "enable", "--now", "--quiet", CLOSED)

    def resources(self, pcs: Pcs) -> None:
        port = ("protocol=tcp", f"portno={PORT}", "action=unblock")
        pcs("resource", "create", "open", "ocf:lab:portblock", *port, *MONITORED)
        with_the_primary(pcs, "open")

    def sections(self) -> tuple[str, ...]:
        prod = proxy.pool("prod", (), check=f"check port {PORT}")
        return prod, proxy.pool("stdby", ()), LISTENER
