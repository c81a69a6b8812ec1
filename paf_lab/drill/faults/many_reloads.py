"""HAProxy is reloaded again and again while sessions stay."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ...errors import LabError
from ...machine import Machine
from .. import commands, service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..programs import CLIENTS
from ..stage import Stage
from .cluster import let_go, set_limit
from .reloads import USUAL

RELOADS = 50
OLD_WORKERS = 10
"""The agent's default of old_workers: most that finish their sessions."""
MOST_PROCESSES = OLD_WORKERS + 3
"""The master, the worker that serves, and one that ends."""
MOST_MEMORY = 40
"""MB for each process, which counts its share of the pages that others have, too (Pss)."""
USE = f"""for pid in $(pgrep -f '{commands.HAPROXY}'); do
awk '/^Pss:/ {{ n += $2 }} END {{ print n + 0 }}' /proc/$pid/smaps_rollup 2>/dev/null; done"""
ENDED: dict[str, Any] = {"error": "its program has ended"}


@dataclass(frozen=True)
class Use:
    """What the HAProxy processes of a node take: how many they are, and kB of memory."""

    processes: int
    memory: int


def use(text: str) -> Use:
    """Returns what USE has printed: a line of kB for each process. Pure."""
    sizes = [int(line) for line in text.split()]
    return Use(len(sizes), sum(sizes))


class ManyReloads(Drill):
    """A session of 50 clients on each node, one from before each reload, keeps the worker alive
    that it began with. The agent ends the oldest of more than 10: these sessions are lost, all
    others go on, and neither processes nor memory grow beyond that.
    """

    name = "many-reloads"
    gap = 4.0
    summary = "50 reloads with sessions that stay: processes and memory are bounded"
    lab_only = True
    deadline = 240.0

    def __init__(self) -> None:
        self._keepers: dict[str, subprocess.Popen[str]] = {}
        self._most: dict[str, Use] = {}
        self._pids: dict[str, set[int | None]] = {}
        self._alive: dict[str, int] = {}

    def breaks(self, stage: Stage) -> Collection[str]:
        return ()

    def prepare(self, stage: Stage) -> None:
        source = (CLIENTS / "hold.py").read_text()
        for name, node in stage.nodes.items():
            values = stage.settings.clients(name, stage.password)
            connect = {**values["connect"], "port": values["stdby_port"]}
            pipe = subprocess.PIPE
            keeper = node.popen("python3", "-c", source, stdin=pipe, stdout=pipe)
            self._keepers[name] = keeper
            self._tell(keeper, json.dumps({"connect": connect}))

    @staticmethod
    def _tell(keeper: subprocess.Popen[str], line: str) -> None:
        if keeper.stdin is not None:
            keeper.stdin.write(f"{line}\n")
            keeper.stdin.flush()

    def inject(self, stage: Stage) -> None:
        for number in range(1, RELOADS + 1):
            for name, keeper in self._keepers.items():
                self._one_more(name, keeper)
            set_limit(stage, str(USUAL - number))
            self._note(stage)

    def _one_more(self, name: str, keeper: subprocess.Popen[str]) -> None:
        """Opens one more session. Raises LabError if it is refused."""
        self._tell(keeper, "one more")
        line = keeper.stdout.readline() if keeper.stdout is not None else ""
        told: dict[str, Any] = json.loads(line) if line.strip() else ENDED
        if told["error"]:
            raise LabError(f"{name}: no session more: {told['error']}")
        self._alive[name] = int(told["alive"])

    def _note(self, stage: Stage) -> None:
        for name, node in stage.nodes.items():
            self._pids.setdefault(name, set()).add(commands.haproxy_pid(node, stage.settings))
            self._most[name] = larger(self._most.get(name, Use(0, 0)), _used(node))

    def undo(self, stage: Stage) -> None:
        for keeper in self._keepers.values():
            if keeper.stdin is not None:
                keeper.stdin.close()
        for name, keeper in self._keepers.items():
            try:
                keeper.wait(timeout=30)
            except subprocess.TimeoutExpired:
                keeper.kill()
                stage.say("the sessions were killed", name)
        set_limit(stage, str(USUAL))
        let_go(stage)

    def judge(self, evidence: Evidence) -> list[Finding]:
        most = max((each.processes for each in self._most.values()), default=0)
        kept = max((each.memory for each in self._most.values()), default=0) / 1024
        limit = MOST_MEMORY * MOST_PROCESSES
        alive = min(self._alive.values(), default=0)
        few, enough = 0 < most <= MOST_PROCESSES, alive >= OLD_WORKERS
        return [
            *super().judge(evidence),
            service.primary_stayed(evidence),
            Finding("HAProxy processes", few, str(most), f"{MOST_PROCESSES}"),
            Finding("memory of HAProxy", 0 < kept <= limit, f"{kept:.0f} MB", f"{limit} MB"),
            Finding("long sessions kept", enough, str(alive), f"{OLD_WORKERS} or more"),
        ]

    def fault(self, evidence: Evidence) -> Finding:
        fewest = min((len(found - {None}) for found in self._pids.values()), default=0)
        nodes = len(self._pids)
        passed = fewest >= RELOADS and nodes == len(evidence.addresses)
        return witness.witness(passed, f"{fewest} workers one after another, on {nodes} nodes")


def larger(one: Use, other: Use) -> Use:
    """Returns the larger count and the larger size of two."""
    return Use(max(one.processes, other.processes), max(one.memory, other.memory))


def _used(node: Machine) -> Use:
    return use(node.run("sh", "-c", USE).stdout)
