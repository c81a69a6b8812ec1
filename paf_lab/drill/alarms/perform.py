"""One row: it is done, the reports are counted, and it is undone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ...errors import LabError
from ..blast.scene import Scene
from ..crash import REPORTED
from ..settings import Settings
from .row import PRIMARY, Row

WHOLE_WITHIN = Settings.deadline
"""s after the row, without help: as after a drill, because PostgreSQL crashes in some rows."""


@dataclass(frozen=True)
class Outcome:
    """victim: the node. reports: lines of all agents. trouble: why the row did not run as it
    should.
    """

    name: str
    text: str
    victim: str
    reports: int
    wanted: int
    trouble: str

    @property
    def passed(self) -> bool:
        return self.reports == self.wanted and not self.trouble

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


def perform(row: Row, scene: Scene, say: Callable[[str], None]) -> Outcome:
    """Runs a row. Raises LabError if the cluster is not whole before it."""
    if not scene.whole(WHOLE_WITHIN):
        raise LabError(f"the cluster is not whole before {row.name}: paf-haproxy status")
    primary = scene.primary()
    victim = primary if row.where == PRIMARY else next(n for n in scene.nodes if n != primary)
    node = scene.nodes[victim]
    since = {name: _reports(scene, name) for name in scene.nodes}
    trouble = ""
    say(f"{row.text}, on {victim}")
    try:
        done = node.run("sh", "-c", row.apply, check=False, timeout=120)
        trouble = done.stderr.strip()[-200:] if done.returncode else ""
        time.sleep(row.seconds * scene.settings.slowness)
    finally:
        undone = node.run("sh", "-c", row.undo, check=False, timeout=120)
        if undone.returncode:
            trouble = trouble or undone.stderr.strip()[-200:]
    if not scene.whole(WHOLE_WITHIN):
        trouble = trouble or f"the cluster is not whole {WHOLE_WITHIN:g} s later"
        scene.repair()
    found = sum(_reports(scene, name) - since[name] for name in scene.nodes)
    return Outcome(row.name, row.text, victim, found, row.reports, trouble)


def _reports(scene: Scene, name: str) -> int:
    """Returns how many reports the agent of a node has logged."""
    command = f"journalctl -t paf-haproxy --output=cat | grep -c ': {REPORTED},'"
    return int(scene.nodes[name].run("sh", "-c", command, check=False).stdout.strip() or 0)
