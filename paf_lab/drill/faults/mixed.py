"""One node runs an older package than the others, as in the middle of an upgrade."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection

from ... import agent, package
from ...node import named
from .. import commands, witness
from ..audits import Evidence, Finding
from ..stage import Stage
from .cluster import let_go
from .switchover import Switchover

REVISION = os.environ.get("PAF_OLDER", "HEAD~20")
"""PAF_OLDER=COMMIT names another commit of this checkout, whose package the one node gets."""
VERSION = "0.0.9"
DEB = "root/older.deb"
RELOADED_WITHIN = 60.0  # s


class MixedVersions(Switchover):
    """An administrator upgrades one node after another. The candidate's agent is still the older
    one: it hears the same notifications, and the HAProxys of both versions ask one another for the
    role. Nothing may depend on both being of one version.
    """

    name = "mixed-versions"
    lab_only = True
    pooled = False
    summary = "switchover to a node with an older package than the others have: nothing fails"
    deadline = 150.0

    def __init__(self, to: str | None = None) -> None:
        super().__init__(to)
        self._versions: dict[str, str] = {}
        self._pid: int | None = None
        self._installed = False

    def breaks(self, stage: Stage) -> Collection[str]:
        return (self._target or stage.primary,)

    def prepare(self, stage: Stage) -> None:
        deb = package.older(REVISION, VERSION)
        node = stage.nodes[self._target]
        self._pid = commands.haproxy_pid(node, stage.settings)
        stage.say(f"dpkg -i the package of {REVISION}", node.name)
        root = named(node.name).root
        (root / agent.MARK).unlink(missing_ok=True)
        shutil.copy(deb, root / DEB)
        self._installed = True
        node.run("dpkg", "-i", f"/{DEB}")
        stage.wait(lambda: self._same(stage), RELOADED_WITHIN, every=1)
        stage.await_healthy()
        let_go(stage)

    def _same(self, stage: Stage) -> str:
        now = commands.haproxy_pid(stage.nodes[self._target], stage.settings)
        same = now in (None, self._pid)
        return f"HAProxy on {self._target} has not been reloaded" if same else ""

    def follow(self, stage: Stage) -> None:
        super().follow(stage)
        self._versions = {
            name: node.run("paf-haproxy", "--version").stdout.strip()
            for name, node in stage.nodes.items()
        }

    def undo(self, stage: Stage) -> None:
        try:
            super().undo(stage)
        finally:
            if self._installed:
                self._take_back(stage)

    def _take_back(self, stage: Stage) -> None:
        stage.say("the package of before", self._target)
        self._pid = commands.haproxy_pid(stage.nodes[self._target], stage.settings)
        agent.install(named(self._target))
        stage.wait(lambda: self._same(stage), RELOADED_WITHIN, every=1)
        let_go(stage)

    def fault(self, evidence: Evidence) -> Finding:
        others = {version for name, version in self._versions.items() if name != self._target}
        mixed = self._versions.get(self._target) == VERSION and VERSION not in others
        value = ", ".join(f"{name} {version}" for name, version in sorted(self._versions.items()))
        versions = witness.witness(mixed and bool(others), value or "no version was seen")
        return witness.every(super().fault(evidence), versions)
