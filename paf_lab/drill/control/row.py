"""What became of the control of one drill. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.text import Text

from ...display import FittedTable
from ..audits import WHOLE, Finding
from ..witness import FAULT


@dataclass(frozen=True)
class Row:
    """fault: whether the verdict says that the fault took place; None if it says nothing about it.
    missing: what it did not see of the fault. noticed: the other lines of the verdict that failed.
    trouble: why the control did not run as it should, or ''. took: s.
    """

    drill: str
    fault: bool | None
    missing: str
    noticed: tuple[str, ...]
    trouble: str
    took: float

    @property
    def passed(self) -> bool:
        return self.fault is False and not self.trouble

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


def judged(drill: str, findings: Iterable[Finding], trouble: str, took: float) -> Row:
    """Returns the row of a control, from the verdict that the drill gave on it."""
    found = list(findings)
    lines = [finding for finding in found if finding.name == FAULT]
    others = tuple(
        finding.name
        for finding in found
        if not finding.passed and finding.name not in (FAULT, WHOLE)
    )
    fault = lines[0].passed if lines else None
    missing = "; ".join(finding.value for finding in lines if not finding.passed)
    return Row(drill, fault, missing, others, trouble, took)


def table(rows: Sequence[Row]) -> FittedTable:
    """Returns a line for each control."""
    heads = ("", "drill", "the fault took place", "other lines that failed", "trouble", "")
    return FittedTable(heads, [_cells(row) for row in rows], keys=2)


def _cells(row: Row) -> tuple[str | Text, ...]:
    sign = Text("pass", "green") if row.passed else Text("FAIL", "bold red")
    said = "nothing said" if row.fault is None else "yes" if row.fault else f"no: {row.missing}"
    return sign, row.drill, said, ", ".join(row.noticed), row.trouble, f"{row.took:.0f} s"
