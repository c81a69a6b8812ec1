"""Rules that lose packets on a node, and what they have lost."""

from __future__ import annotations

from ...machine import Machine
from ..stage import Stage

MARK = "paf-drill"
BOOTED_WITHIN = 60.0
"""s that a node may take if it was fenced meanwhile. Its rules outlive it, with its network."""
TAKE_BACK = f"""iptables -w -S | grep -e '--comment "*{MARK}' | sed 's/^-A/-D/' |
while read -r rule; do eval "iptables -w $rule"; done"""
COUNT = (
    f"iptables -w -nvxL | grep -e '/\\* {MARK} \\*/' | awk '{{ n += $1 }} END {{ print n + 0 }}'"
)


def lose(node: Machine, chain: str, *match: str) -> None:
    """Loses packets of a chain (INPUT or OUTPUT), but those that a node sends to itself."""
    way = ("!", "-i" if chain == "INPUT" else "-o", "lo")
    comment = ("-m", "comment", "--comment", MARK)
    node.run("iptables", "-w", "-I", chain, "1", *way, *match, *comment, "-j", "DROP")


def lost(node: Machine) -> int:
    """Returns how many packets the rules have lost; 0 if there are no rules."""
    return int(node.run("sh", "-c", COUNT).stdout.strip() or 0)


def take_back(stage: Stage, node: Machine) -> None:
    """Removes the rules. A node that is on its way up is waited for."""
    stage.wait(lambda: "" if node.running else f"{node.name} is off", within=BOOTED_WITHIN)
    node.run("sh", "-c", TAKE_BACK)
