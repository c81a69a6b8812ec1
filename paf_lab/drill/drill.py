"""What every drill is made of; each is one short file in paf_lab/drill/faults."""

from __future__ import annotations

from collections.abc import Collection

from ..access import POOLED_KINDS
from . import audits, service, unserved
from .audits import Evidence, Finding
from .settings import TRANSACTION
from .stage import Stage

PAUSE_MORE = 0.1
"""s that a session through PgBouncer may wait longer than the worst new connection."""


class Drill:
    """Something that is done to the cluster on purpose. The attributes say what may come of it."""

    name = ""
    summary = ""
    moves: bool | None = False
    """Whether the primary must be another afterwards: True, False, or None for either."""
    fencings = 0
    """Most fencings."""
    failed: int | None = 0
    """Most new connections that may fail for each client of a node that lived; None: no bar."""
    pooled = False
    """Whether there are sessions through PgBouncer, where there is one: they must not notice."""
    transaction = TRANSACTION
    """s that their transactions take."""
    gap = 2.0
    """Most s that a writer may be without an answer altogether, while its node is there."""
    reader_gap = 2.0
    """The same for a reader."""
    repairs = 0
    """Most repairs by a person, for example an instance that was a primary when its node was lost
    that is made anew."""
    clearings = 1
    """Most times that the failures on record are cleared: a resource that failed stays failed until
    then. 0 for what is planned."""
    lab_only = False
    """Whether it needs what no inventory can offer."""
    stray_reads = 0
    """Most reads that a primary may answer; they are true, but stdby should not lead there."""
    deadline = 90.0
    """s from the event until the cluster must be whole again."""

    def expected(self, stage: Stage) -> str | None:
        """Returns the node that should be primary afterwards, or None where Pacemaker chooses.

        Raises LabError if the drill cannot be run on the cluster as it is.
        """
        return None if self.moves is not False else stage.primary

    def breaks(self, stage: Stage) -> Collection[str]:
        """Returns the nodes that are damaged, and not only asked to do something; it is called
        after `expected`. All of them, unless a drill knows better.
        """
        return stage.names

    def prepare(self, stage: Stage) -> None:
        """Does what must be there before the event, while the clients work already."""

    def inject(self, stage: Stage) -> None:
        """Does it, and sees that it is done."""
        raise NotImplementedError

    def follow(self, stage: Stage) -> None:
        """Returns once it has taken its course. Raises LabError if it does not."""

    def undo(self, stage: Stage) -> None:
        """Takes back what would not go away by itself; called whatever has happened."""

    def finish(self, stage: Stage) -> None:
        """Ends what the drill has started beside the clients, before the table is read."""

    def fault(self, evidence: Evidence) -> Finding:
        """Returns whether the fault really took place, by what was seen: see witness.py."""
        raise NotImplementedError

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Returns the verdict, line by line."""
        found = [
            self.fault(evidence),
            audits.whole_again(evidence),
            audits.clients_ran(evidence),
            audits.misrouted_writes(evidence),
            audits.misrouted_reads(evidence, self.stray_reads),
            audits.lost_rows(evidence),
            audits.one_primary(evidence),
            audits.one_timeline(evidence),
            audits.fencings(evidence, self.fencings),
            audits.moved(evidence),
            audits.replication(evidence),
            audits.tidy(evidence),
            audits.repairs(evidence, self.repairs),
            audits.clearings(evidence, self.clearings),
            *unserved.audit(evidence, self.gap, self.reader_gap),
        ]
        if self.moves is True:
            found.append(audits.failed_over(evidence))
        if self.failed is not None:
            found.append(service.new_connections(evidence, self.failed))
        if self.pooled and any(each.kind in POOLED_KINDS for each in evidence.seen.attempts):
            found.append(service.open_sessions(evidence))
            found.append(
                service.longest_pause(evidence, self.transaction - TRANSACTION + PAUSE_MORE)
            )
        return found
