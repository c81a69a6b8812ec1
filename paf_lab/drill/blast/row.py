"""A row of the table: how the fault is made and removed, and what it may cost. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

VALUE = "value"
"""A value that an operator mistyped: it reaches every node. No node may lose service."""
LOCAL = "local"
"""A fault of one node. Only that node may lose service."""
CLUSTER = "cluster"
"""A mistake in what all nodes share, such as a role in PostgreSQL. No node may lose service."""

STATUS, METRIC, LOG, CRM_MON = "status", "metric", "log", "crm_mon -A"
CHANNELS = (STATUS, METRIC, LOG, CRM_MON)

STANDBY, PRIMARY = "standby", "primary"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One mistake or fault. The scripts are for sh; they run on the victim, as root."""

    name: str
    text: str
    kind: str
    report: str
    """Regular expression, case ignored, that the report of the fault matches."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the resource that are set, and then set back."""
    before: str = ""
    """Script for every node, before anything is wrong: files that a parameter names."""
    after: str = ""
    """Script for every node, at the very end."""
    good: Mapping[str, str] = field(default_factory=dict)
    """Parameters that are right, set before the fault."""
    apply: str = ""
    undo: str = ""
    sql: str = ""
    """For the primary, as its superuser."""
    unsql: str = ""
    where: str = STANDBY
    """Of which node the victim is chosen: a standby's or the primary's."""
    told: tuple[str, ...] = (STATUS, LOG)
    """Where the fault must be reported, at least."""

    def __post_init__(self) -> None:
        if self.kind not in (VALUE, LOCAL, CLUSTER) or self.where not in (STANDBY, PRIMARY):
            raise ValueError(f"row {self.name}: no kind {self.kind}, or no node {self.where}")
        if bool(self.sql) is not bool(self.unsql):
            raise ValueError(f"row {self.name}: sql without unsql, or unsql without sql")
        if not (self.parameters or self.apply or self.sql):
            raise ValueError(f"row {self.name}: it does nothing")
