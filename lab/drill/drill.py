"""What every drill is made of; each is one short file beside this one."""

from __future__ import annotations

from . import audits
from .audits import Evidence, Finding
from .stage import Stage


class Drill:
    """Something that is done to the cluster on purpose."""

    name = ""
    summary = ""

    def expected(self, stage: Stage) -> str:
        """Returns the node that should be primary afterwards. Raises LabError if the drill cannot
        be run on the cluster as it is.
        """
        return stage.primary

    def inject(self, stage: Stage) -> None:
        """Does it, and sees that it is done."""
        raise NotImplementedError

    def follow(self, stage: Stage) -> None:
        """Returns once it has taken its course. Raises LabError if it does not."""

    def undo(self, stage: Stage) -> None:
        """Takes back what would not go away by itself; called whatever has happened."""

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Returns the verdict, line by line."""
        return [
            audits.whole_again(evidence),
            audits.clients_ran(evidence),
            audits.misrouted_writes(evidence),
            audits.misrouted_reads(evidence),
            audits.lost_rows(evidence),
            audits.one_primary(evidence),
            audits.one_timeline(evidence),
            audits.fencings(evidence),
            audits.moved(evidence),
        ]
