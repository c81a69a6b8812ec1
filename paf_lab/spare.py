"""One more node: made, taken into the cluster, and out of it again, with the pcs scripts."""

from __future__ import annotations

from . import agent, cluster
from .errors import LabError
from .node import NODES, SPARE, Node
from .scripts import script


def join(primary: Node) -> None:
    """Boots the spare node and makes it a member with a standby of the primary's."""
    _boot(primary)
    script(SPARE, "40-postgresql", "standby", primary.name)
    script(NODES[0], "80-add-node", SPARE.name)
    _start()


def join_as_proxy(primary: Node) -> None:
    """Boots the spare node and makes it a member that runs HAProxy alone."""
    _boot(primary)
    script(NODES[0], "82-add-proxy", SPARE.name)
    _start()


def _boot(primary: Node) -> None:
    base = primary.image
    if base is None:
        raise LabError("the lab has no image: lab up")
    SPARE.lay_out(base)
    if not SPARE.running:
        agent.install(SPARE)
    SPARE.boot()
    SPARE.await_ready()
    cluster.prepare(SPARE, {})


def _start() -> None:
    script(SPARE, "22-first-start")
    SPARE.run("systemctl", "start", "corosync", "pacemaker", timeout=90)


def leave() -> None:
    """Takes the spare node out of the cluster, and away."""
    script(NODES[0], "85-remove-node", SPARE.name)
    for node in NODES:
        script(node, "86-forget-node", SPARE.name)
    discard()


def discard() -> None:
    """Takes the spare node away, whatever it does."""
    SPARE.power_off()
    SPARE.remove()
