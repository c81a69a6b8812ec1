"""What an administrator does to the cluster."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from .. import commands, facts, leftovers, service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage

WAL_RECEIVER = "SELECT pid FROM pg_stat_wal_receiver"


STANDBY = "in standby mode"
NEW_LIMIT = "1999"
RELOADED = f"maxconn={NEW_LIMIT}"


def let_go(stage: Stage) -> None:
    """Ends the sessions that keep HAProxys of before a reload alive: they would last for weeks.
    It looks for leftovers before that, and again after the drill.
    """
    stage.leftovers += leftovers.find(stage, old_workers=leftovers.OLD_WORKERS)
    for node in stage.nodes.values():
        for pid in commands.psql(node, stage.settings, WAL_RECEIVER).split():
            node.run("kill", pid)  # pg_terminate_backend knows only backends


class NodeStandby(Drill):
    """The node's own HAProxy stops, so its own clients do not count."""

    name = "node-standby"
    clearings = 0
    gap = 6.0
    summary = "primary's node put into standby, and back: clients of the others wait, none fails"
    moves = True
    deadline = 120.0

    def breaks(self, stage: Stage) -> Collection[str]:
        return ()

    def inject(self, stage: Stage) -> None:
        stage.leaves(stage.primary)
        stage.say("pcs node standby", stage.primary)
        stage.anyone.run("pcs", "node", "standby", stage.primary)

    def follow(self, stage: Stage) -> None:
        def stays() -> str:
            leads = stage.snapshot().status.promoted(stage.settings.pgsql_clone)
            return "" if leads not in (None, stage.primary) else "nobody else is promoted"

        stage.wait(stays, every=1)
        if stage.primary not in stage.snapshot().status.online:
            stage.saw(STANDBY, stage.primary)
        stage.rest(3)

    def undo(self, stage: Stage) -> None:
        stage.say("pcs node unstandby", stage.primary)
        stage.anyone.run("pcs", "node", "unstandby", stage.primary)

    def fault(self, evidence: Evidence) -> Finding:
        here = (evidence.primary,)
        return witness.every(
            witness.sighted(evidence, STANDBY, here), witness.primary_changed(evidence)
        )


class Maintenance(Drill):
    """Pacemaker and Corosync are stopped and started on all nodes under the resources."""

    name = "maintenance"
    clearings = 0
    summary = "maintenance mode, cluster stopped and started under it: nobody notices"
    deadline = 180.0

    def breaks(self, stage: Stage) -> Collection[str]:
        return ()

    def inject(self, stage: Stage) -> None:
        node = stage.anyone
        stage.say("maintenance mode on")
        node.run("pcs", "property", "set", "maintenance-mode=true")
        stage.rest(2)
        stage.say("pcs cluster stop --all")
        node.run("pcs", "cluster", "stop", "--all", timeout=120)
        for name, each in stage.nodes.items():
            if each.run("pidof", "pacemakerd", check=False).returncode == 0:
                raise LabError(f"Pacemaker still runs on {name}")
        stage.rest(5)

    def follow(self, stage: Stage) -> None:
        node = stage.anyone
        stage.say("pcs cluster start --all")
        node.run("pcs", "cluster", "start", "--all", "--wait=60", timeout=120)
        stage.rest(10)  # until every resource has been probed

    def undo(self, stage: Stage) -> None:
        stage.say("maintenance mode off")
        stage.anyone.run("pcs", "property", "set", "maintenance-mode=false")

    def fault(self, evidence: Evidence) -> Finding:
        names = sorted(evidence.addresses)
        return witness.every(
            witness.replaced(evidence, facts.PACEMAKER, *names),
            witness.replaced(evidence, facts.COROSYNC, *names),
        )

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [
            *super().judge(evidence),
            service.primary_stayed(evidence),
            service.sessions_kept(evidence),
        ]


def set_limit(stage: Stage, value: str) -> None:
    """Changes the resource's parameter maxconn; returns when every HAProxy has been reloaded."""

    def other() -> str:
        for name, node in stage.nodes.items():
            if commands.limit(node, stage.settings) != value:
                return f"HAProxy on {name} has not the new maxconn"
        return ""

    stage.say(f"maxconn={value}")
    commands.set_parameter(stage.anyone, stage.settings.haproxy, "maxconn", value)
    stage.wait(other, within=30, every=1)


class Reload(Drill):
    """A parameter of the resource is changed: HAProxy is reloaded on every node, not restarted."""

    name = "reload"
    clearings = 0
    summary = "a parameter changed live: sessions go on, no connection fails"

    def breaks(self, stage: Stage) -> Collection[str]:
        return ()

    def inject(self, stage: Stage) -> None:
        set_limit(stage, NEW_LIMIT)
        for name, node in stage.nodes.items():
            if commands.limit(node, stage.settings) == NEW_LIMIT:
                stage.saw(RELOADED, name)

    def undo(self, stage: Stage) -> None:
        set_limit(stage, "2000")
        let_go(stage)

    def fault(self, evidence: Evidence) -> Finding:
        names = sorted(evidence.addresses)
        return witness.every(
            witness.sighted(evidence, RELOADED, names),
            witness.replaced(evidence, facts.WORKER, *names),
        )

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [
            *super().judge(evidence),
            service.primary_stayed(evidence),
            service.sessions_kept(evidence),
        ]


class RollingRestart(Drill):
    """Every node is put into standby, rebooted and taken back, the primary's last."""

    name = "rolling-restart"
    clearings = 0
    gap = 6.0
    summary = "all nodes rebooted, one after another: clients of the nodes that are up wait at most"
    moves = True
    failed = 1
    deadline = 120.0

    def inject(self, stage: Stage) -> None:
        order = sorted(stage.names, key=lambda name: name == stage.primary)
        for name in order:
            node = stage.nodes[name]
            stage.out_of_touch = {name}
            stage.say("standby, reboot, back", name)
            stage.leaves(name)
            stage.anyone.run("pcs", "node", "standby", name, "--wait=60", timeout=90)
            node.run("systemctl", "stop", "pacemaker", "corosync", timeout=90)
            node.power_off()
            node.boot()
            node.await_ready()
            node.run("systemctl", "start", "corosync", "pacemaker", timeout=90)
            stage.anyone.run("pcs", "node", "unstandby", name)
            stage.out_of_touch = set()
            stage.await_healthy(within=90)

    def fault(self, evidence: Evidence) -> Finding:
        return witness.rebooted(evidence, *sorted(evidence.addresses))
