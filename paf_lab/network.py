"""A network of its own: one namespace per node, joined by a bridge in one more."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import LabError
from .layout import ADDRESSES, PREFIX, SWITCH
from .shell import run

MASK = 24
SPACES = Path("/run/netns")


def namespace(name: str) -> str:
    """Returns the name of the node's network namespace."""
    return PREFIX + name


def existing() -> set[str]:
    """Returns the lab's namespaces that exist."""
    return {space for space in (*map(namespace, ADDRESSES), SWITCH) if (SPACES / space).exists()}


def up() -> None:
    """Makes what is missing."""
    _namespace(SWITCH)
    _link(SWITCH, "br0", "type", "bridge")
    run(["ip", "-n", SWITCH, "link", "set", "br0", "up"])
    for name in ADDRESSES:
        _plug(name, namespace(name))


def _plug(name: str, space: str) -> None:
    _namespace(space)
    _link(space, "eth0", "type", "veth", "peer", "name", name, "netns", SWITCH)
    run(["ip", "-n", SWITCH, "link", "set", name, "master", "br0", "up"])
    run(["ip", "-n", space, "link", "set", "lo", "up"])
    _card(name, space)


def _card(name: str, space: str) -> None:
    run(["ip", "-n", space, "address", "replace", f"{ADDRESSES[name]}/{MASK}", "dev", "eth0"])
    run(["ip", "-n", space, "link", "set", "eth0", "up"])


def _namespace(space: str) -> None:
    """Makes a network namespace unless it is there."""
    if not os.path.ismount(SPACES / space):
        # A name without a namespace is what an `ip netns add` that was killed leaves.
        (SPACES / space).unlink(missing_ok=True)
        run(["ip", "netns", "add", space])


def _link(space: str, name: str, *kind: str) -> None:
    """Makes a network device in a namespace unless it is there."""
    if run(["ip", "-n", space, "link", "show", name], check=False).returncode == 0:
        return
    try:
        run(["ip", "-n", space, "link", "add", name, *kind])
    except LabError as error:
        if "nknown device type" in str(error):
            raise LabError(f"the kernel has no {kind[1]} devices: load {kind[1]}") from error
        raise


def link(name: str, up: bool) -> None:
    """Pulls a node's cable, or plugs it in."""
    run(["ip", "-n", SWITCH, "link", "set", name, "up" if up else "down"])


def power(name: str, on: bool) -> None:
    """Lets a node's network card have power, or takes it away.

    Without it the kernel, which outlives the node, says goodbye to the peers of its processes, and
    goes on answering for its addresses. A card that gets power has no other address than its own.
    """
    space = namespace(name)
    if on:
        run(["ip", "-n", space, "address", "flush", "dev", "eth0"])
        _orphans(space, 0)  # the kernel's own figure
        _card(name, space)
    elif run(["ip", "-n", space, "link", "show", "eth0"], check=False).returncode == 0:
        run(["ip", "-n", space, "link", "set", "eth0", "down"])
        # Or a connection that its process has left would send what it still has after the boot:
        # WAL of a primary that was dead for seconds.
        _orphans(space, 1)


def _orphans(space: str, retries: int) -> None:
    setting = f"net.ipv4.tcp_orphan_retries={retries}"
    run(["ip", "netns", "exec", space, "sysctl", "-q", "-w", setting])


def down() -> None:
    """Removes all namespaces of the lab, and with them their links."""
    for space in existing():
        run(["ip", "netns", "delete", space])
    # The first `ip netns add` on a host leaves this mount, empty now if it was ours.
    if os.path.ismount(SPACES) and not any(SPACES.iterdir()):
        run(["umount", str(SPACES)], check=False)
