"""The files in /run: role files that are spoiled, and a /run without room."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import LabError
from .. import service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..records import UP
from ..stage import Stage
from .switchover import Switchover

STATEDIR = "/run/paf-haproxy"
HARDLY_ANY = 64  # KB
FULL_FOR = 12.0  # s: every monitor comes by
PAF_FILES = "/run/resource-agents"
SPOILT = "role files that are spoiled"
FULL = "no room in /run"
PAF_ROOM = f"mount -t tmpfs -o size=1m,mode=0755 paf {PAF_FILES}"
FILL = """free=$(df --output=avail -B4096 /run | tail -1)
fallocate -l $((free * 4096)) /run/fill; dd if=/dev/zero of=/run/fill bs=4k seek=$free 2>/dev/null
true"""


def spoils(primary: str) -> tuple[str, str, str]:
    """Returns commands that make a role file corrupt, make it stale, and remove it."""
    path = f"{STATEDIR}/role"
    return f"echo junk >{path}", f"sed -i s/{primary}/srv9/ {path}", f"rm -f {path}"


class RoleFiles(Switchover):
    """Corrupt on one node, stale on another, gone on the third: right before a switchover, and once
    more when HAProxy has been told that the primary leaves.
    """

    name = "role-files"
    gap = 6.0
    pooled = False
    summary = "role files corrupt, stale and gone in a switchover: nothing misrouted"
    with_ratio = False

    def breaks(self, stage: Stage) -> Collection[str]:
        return stage.names

    def inject(self, stage: Stage) -> None:
        self._spoil(stage)
        super().inject(stage)

    def follow(self, stage: Stage) -> None:
        leaves = f"prod/{stage.primary}"
        stage.wait(
            lambda: "" if (stage.servers[stage.primary] or {}).get(leaves) != UP else
            f"HAProxy still leads to {stage.primary}", within=30,
        )  # fmt: skip
        self._spoil(stage)
        super().follow(stage)

    @staticmethod
    def _spoil(stage: Stage) -> None:
        path, primary = f"{STATEDIR}/role", stage.primary
        proofs = (f"grep -qx junk {path}", f"! grep -q {primary} {path}", f"! test -e {path}")
        for name, spoil, proof in zip(stage.names, spoils(primary), proofs):
            stage.say(f"role file: {spoil}", name)
            done = stage.nodes[name].run("sh", "-c", f"{spoil}; {proof}", check=False)
            stage.saw(SPOILT, name, number=int(done.returncode == 0))

    def fault(self, evidence: Evidence) -> Finding:
        """Each file was spoiled before, and again while the primary was leaving."""
        return witness.every(
            witness.sighted(evidence, SPOILT, list(evidence.addresses)[:3], least=2),
            super().fault(evidence),
        )


class RunFull(Drill):
    """PAF needs room in /run, too: it writes the text of each query there. Without room pgsqlms
    ends with 5 or 6, and Pacemaker stops PostgreSQL on this node or on all. This drill gives PAF a
    file system of its own, as docs/traps/paf.md advises ("A full /run breaks more than HAProxy").
    """

    name = "run-full"
    summary = "/run full on a standby's node: nothing moves, writers elsewhere see nothing"
    deadline = 240.0

    def __init__(self) -> None:
        self._victim = ""

    def expected(self, stage: Stage) -> str | None:
        self._victim = next(name for name in sorted(stage.names) if name != stage.primary)
        return super().expected(stage)

    def inject(self, stage: Stage) -> None:
        node = stage.nodes[self._victim]
        stage.say("fill /run", node.name)
        node.run("sh", "-c", f"{PAF_ROOM}; {FILL}", timeout=90)
        if node.run("sh", "-c", "echo x >/run/fill2", check=False).returncode == 0:
            raise LabError(f"/run of {node.name} is not full")
        self._full(stage)

    def _full(self, stage: Stage) -> bool:
        """Returns whether /run has hardly any room now, and notes it."""
        node = stage.nodes[self._victim]
        room = node.run("sh", "-c", "df --output=avail -k /run | tail -n 1").stdout
        full = int(room) <= HARDLY_ANY
        stage.saw(FULL, node.name, number=int(full))
        return full

    def follow(self, stage: Stage) -> None:
        stage.rest(FULL_FOR)
        self._full(stage)

    def undo(self, stage: Stage) -> None:
        if stage.nodes[self._victim].running:
            script = f"rm -f /run/fill /run/fill2; umount {PAF_FILES} 2>/dev/null || true"
            stage.nodes[self._victim].run("sh", "-c", script)

    def fault(self, evidence: Evidence) -> Finding:
        """There was no room at the beginning, and none at the end."""
        return witness.sighted(evidence, FULL, (self._victim,), least=2)

    def judge(self, evidence: Evidence) -> list[Finding]:
        return [*super().judge(evidence), service.writers_undisturbed(evidence)]
