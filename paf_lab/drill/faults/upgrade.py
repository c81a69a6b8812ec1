"""The package is upgraded, and somebody tries to remove it, while Pacemaker runs its agent."""

from __future__ import annotations

import shutil
from collections.abc import Collection

from ... import agent, package
from ...errors import LabError
from ...node import named
from .. import commands, facts, service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage
from .cluster import let_go

VERSION = "9.9.9"
DEB = "root/upgrade.deb"
UPGRADED = f"paf-haproxy is {VERSION}"


class Upgrade(Drill):
    """Each monitor finds another version and reloads HAProxy, as after a change of parameters."""

    name = "upgrade"
    lab_only = True
    clearings = 0
    summary = "the package upgraded on all nodes, its removal refused: no connection interrupted"

    def __init__(self) -> None:
        self._pids: dict[str, int | None] = {}

    def breaks(self, stage: Stage) -> Collection[str]:
        return ()

    def inject(self, stage: Stage) -> None:
        deb = package.variant(VERSION)
        self._note(stage)
        for name, node in stage.nodes.items():
            stage.say(f"dpkg -i paf-haproxy {VERSION}", name)
            (named(name).root / agent.MARK).unlink(missing_ok=True)
            shutil.copy(deb, named(name).root / DEB)
            node.run("dpkg", "-i", f"/{DEB}")
            said = node.run("paf-haproxy", "--version").stdout.strip()
            stage.fail_if(said != VERSION, f"{name} has paf-haproxy {said}")
            stage.saw(UPGRADED, name)
        stage.wait(lambda: self._old(stage), within=60, every=1)
        stage.say("dpkg --remove paf-haproxy", stage.primary)
        node = stage.nodes[stage.primary]
        if node.run("dpkg", "--remove", "paf-haproxy", check=False).returncode == 0:
            raise LabError(f"{node.name}: the package went away under a resource that runs")

    def undo(self, stage: Stage) -> None:
        if not self._pids:
            return
        self._note(stage)
        stage.say("the package of before")
        for name in stage.names:
            agent.install(named(name))
        stage.wait(lambda: self._old(stage), within=60, every=1)
        let_go(stage)

    def _note(self, stage: Stage) -> None:
        settings = stage.settings
        self._pids = {
            name: commands.haproxy_pid(node, settings) for name, node in stage.nodes.items()
        }

    def _old(self, stage: Stage) -> str:
        for name, node in stage.nodes.items():
            if commands.haproxy_pid(node, stage.settings) in (None, self._pids[name]):
                return f"HAProxy on {name} has not been reloaded"
        return ""

    def fault(self, evidence: Evidence) -> Finding:
        names = sorted(evidence.addresses)
        return witness.every(
            witness.sighted(evidence, UPGRADED, names),
            witness.replaced(evidence, facts.WORKER, *names),
        )

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [
            *super().judge(evidence),
            service.primary_stayed(evidence),
            service.sessions_kept(evidence),
        ]
