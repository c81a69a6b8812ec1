"""The cluster grows and shrinks while it is in use."""

from __future__ import annotations

from ... import spare
from ...errors import LabError
from ...node import SPARE, named
from .. import commands, facts, service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..records import ACK, UP
from ..stage import Stage
from .cluster import let_go
from .switchover import Switchover


class FourthNode(Drill):
    """The others' HAProxys are told by nobody; their monitors find out and reload."""

    name = "fourth-node"
    clearings = 0
    lab_only = True
    summary = "a fourth node joins the cluster, serves readers, and leaves: nobody else notices"
    failed = 1  # a reader of the node that leaves
    deadline = 120.0

    def inject(self, stage: Stage) -> None:
        stage.say("joins the cluster", SPARE.name)
        spare.join(named(stage.primary))
        stage.wait(lambda: self._lacking(stage, known=True), within=60, every=1)
        stage.say("serves readers through every node", SPARE.name)
        stage.rest(3)

    def _lacking(self, stage: Stage, known: bool) -> str:
        for name in stage.names:
            state = (stage.servers.get(name) or {}).get(f"stdby/{SPARE.name}")
            if known and state != UP:
                return f"HAProxy on {name} has stdby/{SPARE.name} {state}"
            if not known and state is not None:
                return f"HAProxy on {name} still knows {SPARE.name}"
        return ""

    def follow(self, stage: Stage) -> None:
        stage.fail_if(not SPARE.running, f"{SPARE.name} has not joined")
        stage.say("leaves the cluster", SPARE.name)
        spare.leave()
        stage.wait(lambda: self._lacking(stage, known=False), within=60, every=1)

    def undo(self, stage: Stage) -> None:
        if SPARE.running:
            stage.say("is taken away", SPARE.name)
            spare.leave()
        let_go(stage)

    def fault(self, evidence: Evidence) -> Finding:
        return witness.every(
            *(served(evidence, name, f"stdby/{SPARE.name}") for name in sorted(evidence.addresses)),
            witness.replaced(evidence, facts.WORKER, *sorted(evidence.addresses)),
        )

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [
            *super().judge(evidence),
            service.primary_stayed(evidence),
            service.writers_undisturbed(evidence),
            service.served_by(evidence, SPARE.address),
        ]


def served(evidence: Evidence, node: str, server: str) -> Finding:
    """HAProxy of the node led to a server after the event."""
    found = any(
        each.node == node and each.at >= evidence.started and (each.states or {}).get(server) == UP
        for each in evidence.seen.servers
    )
    return witness.witness(found, f"{server} {'was' if found else 'was never'} up on {node}")


class ProxyNode(Switchover):
    """Its clients are counted like those of all others: none is refused."""

    name = "proxy-node"
    gap = 6.0
    pooled = False
    lab_only = True
    # A node without PostgreSQL has no notification of PAF's to run beside ours: it is through with
    # the pre-demote first, and its clients wait for as long as the others take with theirs.
    with_ratio = False
    summary = "switchover with one more node that runs HAProxy alone: its clients notice as little"
    deadline = 120.0

    def prepare(self, stage: Stage) -> None:
        stage.say("joins the cluster, without PostgreSQL", SPARE.name)
        spare.join_as_proxy(named(stage.primary))
        stage.wait(lambda: self._lacking(stage), within=60, every=1)
        let_go(stage)
        stage.enlist(SPARE)
        stage.rest(stage.settings.warm_up)

    def _lacking(self, stage: Stage) -> str:
        for pool in ("prod", "stdby"):
            port = getattr(stage.settings, f"{pool}_port")
            words = ("ncat", "-z", "-w", "1", "127.0.0.1", str(port))
            if SPARE.run(*words, check=False).returncode:
                return f"HAProxy on {SPARE.name} does not listen for {pool}"
        return ""

    def follow(self, stage: Stage) -> None:
        super().follow(stage)
        stage.rest(stage.settings.cool_down)
        # What it says 30 s after its start holds up the whole cluster, even after it has left. A
        # machine without load says nothing; three nodes and their clients are some.
        words = ("grep", "-a", "CPU load detected", "/var/log/pacemaker/pacemaker.log")
        if busy := SPARE.run(*words, check=False).stdout.strip():
            raise LabError(f"{SPARE.name} brought a load-threshold of its own: {busy[-100:]}")

    def undo(self, stage: Stage) -> None:
        super().undo(stage)
        stage.dismiss(SPARE)
        if SPARE.running:
            stage.say("is taken away", SPARE.name)
            spare.leave()
            self._forget(stage)
        let_go(stage)

    def _forget(self, stage: Stage) -> None:
        """Lets HAProxy lead to all nodes again, and waits for the reload that follows."""
        settings, nodes = stage.settings, stage.nodes.values()
        before = {node.name: commands.haproxy_pid(node, settings) for node in nodes}
        words = ("--resource", settings.haproxy, "--delete-parameter", "nodes")
        stage.anyone.run("crm_resource", *words)

        def lacking() -> str:
            same = [n.name for n in nodes if commands.haproxy_pid(n, settings) == before[n.name]]
            return f"HAProxy is not reloaded on {' and '.join(same)}" if same else ""

        stage.wait(lacking, within=60, every=1)

    def fault(self, evidence: Evidence) -> Finding:
        there = any(each.node == SPARE.name for each in evidence.seen.attempts)
        return witness.every(
            super().fault(evidence),
            witness.witness(there, f"{'clients' if there else 'no clients'} on {SPARE.name}"),
        )

    def judge(self, evidence: Evidence) -> list[Finding]:
        new = evidence.addresses[evidence.expected]
        found = [
            each
            for each in evidence.seen.attempts
            if each.node == SPARE.name and each.outcome == ACK and each.server == new
        ]
        name = f"writes through {SPARE.name} after the switchover"
        return [*super().judge(evidence), Finding(name, bool(found), str(len(found)), "some")]
