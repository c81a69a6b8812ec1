"""`lab inventory`: the lab as a cluster behind ssh, for those who want to try an inventory."""

from __future__ import annotations

import configparser
from pathlib import Path

from . import network
from .layout import SECRETS, SINK, SWITCH
from .node import NODES, Node
from .power import SOCKET
from .shell import run, together

KEY = SECRETS / "ssh_key"
ACCEPT = (
    "set -e; ssh-keygen -A >/dev/null; install -d -m 700 /root/.ssh;"
    " cat >/root/.ssh/authorized_keys; systemctl enable --quiet --now ssh"
)


def describe(file: Path, rebuild: str) -> None:
    """Starts sshd on the nodes, for a key made at first use, and writes their inventory.

    rebuild: the command that makes the instance of a node anew from $PRIMARY's.
    """
    if not KEY.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(KEY)])
    public = KEY.with_suffix(".pub").read_text()
    together(lambda node: node.run("sh", "-c", ACCEPT, input=public), NODES)
    inventory = configparser.ConfigParser(interpolation=None)
    inventory["cluster"] = {"rebuild": rebuild}
    for node in NODES:
        inventory[node.name] = _entry(node)
    with file.open("w") as out:
        inventory.write(out)


def _entry(node: Node) -> dict[str, str]:
    # Nothing of the lab is in the host's own network: through the sink's.
    through = f"ip netns exec {network.namespace(SINK)} socat - TCP:%h:%p"
    known = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    power = f"socat - UNIX-CONNECT:{SOCKET}"
    return {
        "address": node.address,
        "ssh": f"-i {KEY} {known} -o ProxyCommand='{through}' root@{node.address}",
        "power_off": f"echo off {node.name} | {power}",
        "power_on": f"echo on {node.name} | {power}",
        "cut_off": f"ip -n {SWITCH} link set {node.name} down",
        "plug_in": f"ip -n {SWITCH} link set {node.name} up",
    }
