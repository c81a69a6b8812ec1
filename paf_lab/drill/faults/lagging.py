"""The standby that is to be the primary has received much WAL that it has not replayed."""

from __future__ import annotations

from collections.abc import Collection

from .. import commands, witness
from ..audits import Evidence, Finding
from ..stage import Stage
from .alter import alter, reset
from .combined import BACKLOG
from .switchover import Switchover

DELAY = "30s"
SETTING = "recovery_min_apply_delay"
LAG = "SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint"
LEAST_LAG = 50 << 20
"""bytes of WAL."""


class LaggingCandidate(Switchover):
    """The candidate has received all WAL and replays it 30 s late. PAF compares what standbys have
    received, and moves the primary there; the promotion ends the delay, and takes as long as the
    replay of what is left. Connections wait in the hold for it.
    """

    name = "lagging-candidate"
    gap = 30.0
    pooled = False
    summary = "switchover to a standby that lags in replay by more than 50 MB: clients wait"
    with_ratio = False  # PAF's own CHECKPOINT of the standby comes into it
    deadline = 180.0

    def __init__(self, to: str | None = None) -> None:
        super().__init__(to)
        self._lag = 0

    def breaks(self, stage: Stage) -> Collection[str]:
        return (self._target or stage.primary,)

    def prepare(self, stage: Stage) -> None:
        stage.say(f"{SETTING} = {DELAY}", self._target)
        alter(stage, stage.nodes[self._target], SETTING, DELAY)
        stage.say("write a backlog", stage.primary)
        node = stage.nodes[stage.primary]
        commands.psql(node, stage.settings, BACKLOG, stage.settings.database)

    def inject(self, stage: Stage) -> None:
        lag = commands.psql(stage.nodes[self._target], stage.settings, LAG).strip()
        self._lag = int(lag or 0)
        stage.say(f"{self._lag >> 20} MB of WAL are not replayed", self._target)
        super().inject(stage)

    def undo(self, stage: Stage) -> None:
        try:
            super().undo(stage)
        finally:
            reset(stage, stage.nodes[self._target], SETTING)

    def fault(self, evidence: Evidence) -> Finding:
        lagged = witness.witness(self._lag >= LEAST_LAG, f"{self._lag >> 20} MB of WAL to replay")
        return witness.every(super().fault(evidence), lagged)
