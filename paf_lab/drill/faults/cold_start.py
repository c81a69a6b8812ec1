"""All nodes lose their power at once, and boot."""

from __future__ import annotations

from ...errors import LabError
from ...machine import Machine
from ...shell import together
from .. import witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage

OFF = "without power"
OFF_WITHIN = 10.0  # s
OFF_FOR = 3.0  # s
RECOVERED_WITHIN = 300.0  # s, for the WAL of one instance
# Step 2 of docs/cold-start.md. It prints whether the instance is a standby.
RECOVER = """install -d -o postgres -g postgres -m 2775 /run/postgresql
ctl() {{ runuser -u postgres -- {bindir}/pg_ctl -D {pgdata} -w -s "$@"; }}
ctl -t 300 -l /dev/null -o "-c listen_addresses=''" start
runuser -u postgres -- psql -XAtq -h {pghost} -p {pgport} -c "SELECT pg_is_in_recovery()"
ctl -m fast stop"""


class ColdStart(Drill):
    """Nothing starts by itself. A person lets each instance recover alone and starts the cluster,
    as docs/cold-start.md says; with the scores that PAF has left in the CIB the last primary is
    promoted again, nobody is fenced, and no acknowledged row is lost.
    """

    name = "cold-start"
    moves = None  # the last primary has the highest score, but any whole outcome will do
    gap = 6.0  # from the first HAProxy that is back: its node's clients are excused before
    reader_gap = 6.0
    failed = 1  # one that was under way
    summary = "all nodes lose their power at once and boot: no row lost, nobody fenced"
    deadline = 240.0

    def expected(self, stage: Stage) -> None:
        return None

    def inject(self, stage: Stage) -> None:
        stage.say("power off, all nodes")
        # The primary's first: a row that one standby alone has acknowledged may be lost when all
        # instances start again (docs/traps/paf.md, "PAF compares standbys by nothing when all
        # have just started").
        stage.nodes[stage.primary].power_off()
        together(lambda node: node.power_off(), list(stage.nodes.values()))

    def follow(self, stage: Stage) -> None:
        def alive() -> str:
            found = sorted(set(stage.names) - stage.died)
            return f"{found[0]} still runs" if found else ""

        stage.wait(alive, within=OFF_WITHIN)
        for name, node in stage.nodes.items():
            if not node.running:
                stage.saw(OFF, name)
        stage.rest(OFF_FOR)
        stage.say("power on, all nodes")
        self._boot(stage)
        self._recover(stage)
        stage.say("start the cluster on all nodes")
        stage.anyone.run("pcs", "cluster", "start", "--all", timeout=120)

    @staticmethod
    def _boot(stage: Stage) -> None:
        def up(node: Machine) -> None:
            if not node.running:
                node.boot()
            node.await_ready()

        together(up, list(stage.nodes.values()))

    def _recover(self, stage: Stage) -> None:
        """Lets each instance recover and shut down, the last primary's first."""
        settings = stage.settings
        script = RECOVER.format(
            bindir=settings.bindir,
            pgdata=settings.pgdata,
            pghost=settings.pghost,
            pgport=settings.pgport,
        )
        for name in sorted(stage.names, key=lambda name: name != stage.primary):
            stage.say("let PostgreSQL recover alone, and stop it", name)
            node = stage.nodes[name]
            standby = node.run("sh", "-ec", script, timeout=RECOVERED_WITHIN).stdout.strip()
            if standby != ("f" if name == stage.primary else "t"):
                raise LabError(f"{name}: its instance is not what it was: in recovery {standby!r}")

    def undo(self, stage: Stage) -> None:
        self._boot(stage)

    def fault(self, evidence: Evidence) -> Finding:
        nodes = sorted(evidence.addresses)
        off = witness.sighted(evidence, OFF, nodes)
        return witness.every(off, witness.rebooted(evidence, *nodes))
