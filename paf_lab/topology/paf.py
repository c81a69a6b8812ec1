"""PostgreSQL under Pacemaker and PAF: what all topologies but Patroni's stand on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from xml.etree import ElementTree

from .. import cluster, health, postgresql
from ..errors import LabError
from ..layout import PGBIN, PGDATA
from ..node import NODES, Node, named
from ..recovery import Recovery
from ..shell import together
from .base import Step, Topology

# Standbys that reach the primary through their own node's 5432. While HAProxy there still leads to
# the instance of the same node, that instance would replicate from itself.
GUARD = "local replication all reject\nhost replication all samehost reject"

Pcs = Callable[..., object]
"""Runs pcs on the file that becomes the cluster's configuration: pcs("resource", "create", ...)."""
CLONE = "pgsqld-clone"
AT_REST_WITHIN = 120.0  # s


class OnPaf(Topology):
    """PAF, and whatever `resources` and `route` add to it."""

    scripts: tuple[str, ...] = ("30-fencing", "50-paf")
    """Of pcs-scripts."""
    made_by = "pgsqld"
    """The resource that tells that the configuration was sent; it is sent in one step."""

    def environment(self, node: Node) -> Mapping[str, str]:
        return {"CONNINFO": "host=127.0.0.1 port=5432", "PG_HBA": GUARD}

    def build(self, step: Step) -> None:
        joined = cluster.joined()
        if joined:
            with step("cluster start"):
                cluster.start()
        if not (joined and cluster.formed(self.made_by)):
            self._form(step, joined)
        with step("primary, standbys, clients' way to them"):
            together(self.route, NODES)
            self.await_whole()

    def _form(self, step: Step, joined: bool) -> None:
        with step("PostgreSQL" if joined else "PostgreSQL and cluster setup"):
            works = (self._databases,) if joined else (self._databases, cluster.join)
            together(lambda work: work(), works)
        together(self.equip, NODES)
        with step("resources"):
            cluster.configure(self.scripts, self.resources)

    def _databases(self) -> None:
        cluster.databases(self.seed)

    def seed(self, node: Node) -> None:
        """Does more on the first instance before it is copied. It runs, as a primary."""

    def equip(self, node: Node) -> None:
        """Puts onto a node what the resources need there."""

    def resources(self, pcs: Pcs) -> None:
        """Adds resources and constraints of its own."""

    def route(self, node: Node) -> None:
        """Puts onto a node what leads clients; called at each `lab up`."""

    def move(self, old: str, new: str) -> None:
        node = named(new)
        node.run("crm_resource", "--move", "--promoted", "--resource", CLONE, "--node", new)

    @contextlib.contextmanager
    def configured(self, text: str) -> Iterator[None]:
        with postgresql.settings(text, lambda: not self.lacking()):
            yield

    def restart(self) -> None:
        maintenance = ("crm_attribute", "--name", "maintenance-mode")
        primary, node = self.primary(), health.anyone()
        node.run(*maintenance, "--update", "true")
        try:
            for each in sorted(NODES, key=lambda each: each.name == primary):
                words = ("restart", "-s", "-w", "-m", "fast", "-D", PGDATA, "-l", "/dev/null")
                each.run(f"{PGBIN}/pg_ctl", *words, user="postgres", timeout=120)
        finally:
            node.run(*maintenance, "--delete")

    def moved(self) -> None:
        health.anyone().run("crm_resource", "--clear", "--resource", CLONE)

    def recovery(self, rest: Callable[[float], object] = time.sleep) -> Recovery:
        return health.LabRecovery(self.lacking, rest)

    def forget(self) -> None:
        # A failed monitor that Pacemaker still holds against an instance, though it was started
        # anew since, makes the next demote a reason to stop and start it once more.
        self._await("Pacemaker is still at work", health.at_rest)
        health.anyone().run("crm_resource", "--cleanup")
        self._await("Pacemaker is still at work", health.at_rest)
        # It gives a standby a score once it streams, and looks each 15 s.
        self._await("PAF would not promote each standby", lambda: _scored(health.anyone()))

    def _await(self, what: str, over: Callable[[], bool]) -> None:
        start = time.monotonic()
        while not over():
            if time.monotonic() > start + AT_REST_WITHIN:
                raise LabError(f"{what} after {AT_REST_WITHIN:g} s")
            time.sleep(1)

    def status(self) -> str:
        return health.anyone().run("crm_mon", "-1", "-R", check=False).stdout.strip()


def _scored(node: Node) -> bool:
    """Returns whether PAF has given every instance a score with which it can be promoted."""
    ask = ("crm_mon", "-1", "--include=none,attributes", "--output-as=xml")
    try:
        tree = ElementTree.fromstring(node.run(*ask).stdout)  # noqa: S314 - Pacemaker's own
    except ElementTree.ParseError:
        return False
    scores = {
        each.get("name"): int(attribute.get("value", "0"))
        for each in tree.iter("node")
        for attribute in each.iter("attribute")
        if attribute.get("name") == "master-pgsqld"
    }
    return all(scores.get(each.name, 0) > 0 for each in NODES)
