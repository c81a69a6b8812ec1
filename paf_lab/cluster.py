"""The cluster on the nodes: it is made of the pcs scripts, and started, as a DBA would do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import agent
from .errors import LabError
from .layout import REPO
from .node import LOG_SINK, NODES, Node
from .rejoin import absent, bring_back
from .scripts import CIB, SETTINGS, script, secret, settings
from .shell import together

COROSYNC = "etc/corosync/corosync.conf"
BALLAST = ("/run/fill", "/run/fill2", "/var/lib/postgresql/fill", "/var/lib/postgresql/fill2")
"""What a drill that was killed may have left on a disk that it filled."""


def logging(node: Node) -> None:
    """Lets the node's rsyslog send to log-sink, and log-sink receive."""
    name = "sink" if node is LOG_SINK else "node"
    text = (REPO / "provision" / f"rsyslog-{name}.conf").read_text()
    file = node.root / f"etc/rsyslog.d/10-paf-{name}.conf"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
        node.run("systemctl", "restart", "rsyslog")


def prepare(node: Node, more: Mapping[str, str]) -> None:
    """Makes a booted node ready for the cluster: logs, agent, the password of hacluster.

    more: what the pcs scripts are to read besides the lab's own.
    """
    logging(node)
    if node is not LOG_SINK:
        agent.install(node)
        node.run("rm", "-f", *BALLAST)
        file = node.root / SETTINGS.lstrip("/")
        if not file.exists() or file.read_text() != settings(more):
            file.touch(mode=0o600)
            file.write_text(settings(more))
            node.run("chpasswd", input=f"hacluster:{secret('hacluster')}\n")


def joined() -> bool:
    """Returns whether the nodes have been set up as one cluster, running or not."""
    found = {_read(node.root / COROSYNC) for node in NODES}
    return len(found) == 1 and found != {""}


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def online(node: Node) -> bool:
    """Returns whether Pacemaker of a node sees all nodes online."""
    done = node.run("crm_mon", "-1", "--output-as=xml", check=False)
    return sum('online="true"' in line for line in done.stdout.splitlines()) == len(NODES)


def formed(resource: str) -> bool:
    """Returns whether the cluster, which runs, has its resources. They come in one step."""
    words = ("cibadmin", "--query", "--xpath", f"//primitive[@id='{resource}']")
    return NODES[0].run(*words, check=False).returncode == 0


def databases(more: Callable[[Node], None] = lambda _: None) -> None:
    """Makes the first instance and copies it to the other nodes, before Pacemaker runs them.

    more: is done on the first one before.
    """
    first, *others = NODES
    script(first, "40-postgresql", "primary")
    more(first)
    # A copy takes two of the primary's max_wal_senders, 10.
    for start in range(0, len(others), 4):
        some = others[start : start + 4]
        together(lambda node: script(node, "40-postgresql", "standby", first.name), some)
    script(first, "40-postgresql", "stop")


def join() -> None:
    """Makes the nodes a cluster with a quorum."""
    first = NODES[0]
    script(first, "10-host-auth")
    # What an interrupted setup has left on some of the nodes.
    for node in NODES:
        if (node.root / COROSYNC).exists():
            node.run("pcs", "cluster", "destroy", timeout=120)
    script(first, "20-cluster-setup")
    together(lambda node: script(node, "22-first-start"), NODES)
    script(first, "25-cluster-start")


def configure(scripts: Sequence[str], more: Callable[[Callable[..., object]], None]) -> None:
    """Makes the resources and their constraints, in one step. more: is given pcs, on the file that
    is sent then.
    """
    first = NODES[0]
    first.run("rm", "-f", CIB, f"{CIB}.before")
    first.run("pcs", "cluster", "cib", CIB)
    first.run("cp", CIB, f"{CIB}.before")
    for name in scripts:
        script(first, name, cib=True)
    more(lambda *words: first.run("pcs", "-f", CIB, *words))
    script(first, "90-push", cib=True)


def start() -> None:
    """Starts the cluster on nodes that are set up.

    Where it runs on others and they have a primary, a node joins them like one that was lost.
    """
    if online(NODES[0]):
        return
    if (leads := promoted()) is not None:
        for node in NODES:
            if absent(node):
                bring_back(node, leads)
    together(lambda node: script(node, "22-first-start"), NODES)
    # This is faster than pcsd.
    together(lambda node: node.run("systemctl", "start", "corosync", "pacemaker"), NODES)
    end = time.monotonic() + 90
    while not online(NODES[0]):
        if time.monotonic() > end:
            raise LabError("Pacemaker does not see all nodes online after 90 s: lab status")
        time.sleep(0.2)


def promoted() -> str | None:
    """Returns the node on which PAF has promoted PostgreSQL."""
    for node in NODES:
        if node.running:
            done = node.run("crm_resource", "-r", "pgsqld-clone", "--locate", check=False)
            for line in done.stdout.splitlines():
                words = line.rpartition(": ")[2].split()
                if len(words) == 2 and words[1] in ("Promoted", "Master"):
                    return words[0]
    return None
