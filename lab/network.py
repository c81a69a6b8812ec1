"""A network of its own: one namespace per node, joined by a bridge in one more."""

from __future__ import annotations

import json

from .layout import ADDRESSES, PREFIX, SWITCH
from .shell import run

MASK = 24


def namespace(name: str) -> str:
    """Returns the name of the node's network namespace."""
    return PREFIX + name


def existing() -> set[str]:
    """Returns the lab's namespaces that exist."""
    listed = run(["ip", "-json", "netns", "list"]).stdout
    names = {item["name"] for item in json.loads(listed or "[]")}
    return names & {SWITCH, *(namespace(name) for name in ADDRESSES)}


def up() -> None:
    """Makes what is missing."""
    there = existing()
    if SWITCH not in there:
        run(["ip", "netns", "add", SWITCH])
    if run(["ip", "-n", SWITCH, "link", "show", "br0"], check=False).returncode:
        run(["ip", "-n", SWITCH, "link", "add", "br0", "type", "bridge"])
    run(["ip", "-n", SWITCH, "link", "set", "br0", "up"])
    for name in ADDRESSES:
        _plug(name, namespace(name) in there)


def _plug(name: str, exists: bool) -> None:
    space = namespace(name)
    if not exists:
        run(["ip", "netns", "add", space])
    if run(["ip", "-n", space, "link", "show", "eth0"], check=False).returncode:
        peer = ["peer", "name", name, "netns", SWITCH]
        run(["ip", "-n", space, "link", "add", "eth0", "type", "veth", *peer])
    run(["ip", "-n", SWITCH, "link", "set", name, "master", "br0", "up"])
    run(["ip", "-n", space, "address", "replace", f"{ADDRESSES[name]}/{MASK}", "dev", "eth0"])
    run(["ip", "-n", space, "link", "set", "eth0", "up"])
    run(["ip", "-n", space, "link", "set", "lo", "up"])


def down() -> None:
    """Removes all namespaces of the lab, and with them their links."""
    for space in existing():
        run(["ip", "netns", "delete", space])
