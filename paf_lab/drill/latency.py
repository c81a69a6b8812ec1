"""How soon requests at a fixed rate were answered. Pure.

Each request counts from when it was due. A client that waits for an answer before it asks again
sees a time without service once, however many requests that time has cost ("coordinated
omission").
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

from ..access import OPEN
from ..errors import LabError
from .audits import Evidence
from .excuse import accountable
from .records import ACK

WITHIN = (0.1, 1.0, 5.0, 30.0)
"""s, for which the share of requests that were answered by then is told."""
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 100.0)
LONGEST = 3600.0
"""s, the longest time that the histogram holds."""
DIGITS = 3
UNIT = 1_000_000  # of the histogram: microseconds


@dataclass(frozen=True)
class Latency:
    """requests: all that were due. answered: those that were. shares: by s. percentiles: of the
    answered ones, in s. histogram: the same, encoded as HdrHistogram does.
    """

    requests: int
    answered: int
    shares: dict[float, float]
    percentiles: dict[float, float]
    histogram: str

    def as_json(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "answered": self.answered,
            "shares": {f"{limit:g}": share for limit, share in self.shares.items()},
            "percentiles": {f"{each:g}": value for each, value in self.percentiles.items()},
            "histogram": self.histogram,
        }


def check() -> None:
    """Raises LabError if the histogram's library is not there."""
    if importlib.util.find_spec("hdrh") is None:
        raise LabError(
            "--open-loop needs hdrhistogram: .venv/bin/pip install -e '.[lab,open-loop]'"
        )


def measured(evidence: Evidence) -> Latency | None:
    """Returns what the clients with a fixed rate saw from the event on; None if there were none."""
    asked = [
        each
        for each in accountable(evidence)
        if each.kind == OPEN and each.start >= evidence.started
    ]
    if not asked:
        return None
    from hdrh.histogram import HdrHistogram  # not there without the extra "open-loop"

    took = [each.end - each.start for each in asked if each.outcome == ACK]
    histogram = HdrHistogram(1, int(LONGEST * UNIT), DIGITS)
    for each in took:
        histogram.record_value(max(1, int(each * UNIT)))
    return Latency(
        len(asked),
        len(took),
        {limit: sum(each <= limit for each in took) / len(asked) for limit in WITHIN},
        {each: histogram.get_value_at_percentile(each) / UNIT for each in PERCENTILES},
        histogram.encode().decode(),
    )
