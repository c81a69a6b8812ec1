"""HAProxy is banned from the primary's node: PostgreSQL must not follow it."""

from __future__ import annotations

from collections.abc import Collection

from .. import commands, service, witness
from ..audits import Evidence, Finding
from ..drill import Drill
from ..stage import Stage

UNDER_BAN = 5.0
"""s for which the ban stands once HAProxy is gone."""


class Ban(Drill):
    """Done with a location constraint, as an administrator would."""

    name = "ban"
    clearings = 0
    gap = 15.0
    reader_gap = 15.0
    failed = None  # the node has no HAProxy for its own clients
    summary = "HAProxy banned from the primary's node: PostgreSQL stays, other nodes see nothing"

    def breaks(self, stage: Stage) -> Collection[str]:
        return ()

    def inject(self, stage: Stage) -> None:
        stage.say(f"ban HAProxy from {stage.primary} by a location constraint", stage.primary)
        commands.ban(stage.anyone, stage.settings.haproxy_clone, stage.primary)

    def follow(self, stage: Stage) -> None:
        here = stage.primary
        stage.wait(lambda: "" if stage.fell_silent(here) else f"HAProxy on {here} still answers")
        stage.rest(UNDER_BAN)
        stage.say("lift the ban", here)

    def undo(self, stage: Stage) -> None:
        commands.clear(stage.anyone, stage.settings.haproxy_clone)

    def fault(self, evidence: Evidence) -> Finding:
        return witness.silent(evidence, evidence.primary, UNDER_BAN)

    def judge(self, evidence: Evidence) -> list[Finding]:
        others = frozenset(evidence.addresses) - {evidence.primary}
        return [
            *super().judge(evidence),
            service.primary_stayed(evidence),
            service.haproxy_went(evidence, evidence.primary),
            service.undisturbed(evidence, others),
        ]
