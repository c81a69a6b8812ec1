"""keepalived and IPVS: an address that the kernel balances; only where the kernel has it."""

from __future__ import annotations

from pathlib import Path

import jinja2

from ..errors import LabError
from ..image import RIVALS
from ..node import NODES, Node
from ..shell import together
from .base import Step
from .paf import OnPaf, Pcs
from .portblock import Portblock
from .vip import ADDRESS

IPVS = Path("/proc/net/ip_vs")
FILE = "etc/keepalived/keepalived.conf"
KEEPALIVED = """global_defs {
    router_id {{ node.name }}
}
vrrp_instance prod {
    state BACKUP
    interface eth0
    virtual_router_id 54
    priority {{ 100 + loop }}
    advert_int 1
    virtual_ipaddress {
        {{ address }}/24
    }
}
virtual_server {{ address }} 5432 {
    delay_loop 2
    lb_algo lc
    lb_kind NAT
    protocol TCP
{%- for each in nodes %}
    real_server {{ each.address }} 5434 {
        TCP_CHECK {
            connect_port 5435
            connect_timeout 2
        }
    }
{%- endfor %}
}
"""


LISTENER = """[Service]
ExecStart=/usr/bin/ncat -lk 5435
[Install]
WantedBy=multi-user.target
"""


class Lvs(OnPaf):
    """The servers are checked as in `portblock`, by a port that is open on the primary alone."""

    name = "lvs"
    summary = "PAF, keepalived and IPVS"
    image = RIVALS
    haproxy = False

    def missing(self) -> str:
        return "" if IPVS.exists() else f"the kernel has no IPVS: no {IPVS}"

    def build(self, step: Step) -> None:
        with step("keepalived's configuration"):
            together(check, NODES)
        if not self.missing():
            super().build(step)

    def resources(self, pcs: Pcs) -> None:
        Portblock().resources(pcs)

    def equip(self, node: Node) -> None:
        Portblock().equip(node)

    def route(self, node: Node) -> None:
        (node.root / "etc/systemd/system/open.service").write_text(LISTENER)
        node.run("systemctl", "enable", "--now", "--quiet", "open", "keepalived")


def check(node: Node) -> None:
    """Writes keepalived's configuration, and lets keepalived itself read it."""
    loop = [each.name for each in NODES].index(node.name)
    text = jinja2.Template(KEEPALIVED).render(node=node, nodes=NODES, address=ADDRESS, loop=loop)
    (node.root / FILE).parent.mkdir(parents=True, exist_ok=True)
    (node.root / FILE).write_text(text)
    done = node.run("keepalived", "-t", "-f", f"/{FILE}", check=False)
    if done.returncode:
        raise LabError(f"keepalived takes no such configuration: {done.stderr.strip()[-300:]}")
