"""How busy the machine was during a trial: other work on it can spoil a figure."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ..drill.audits import Evidence
from ..drill.figures import cpu_share, median

STAT = Path("/proc/stat")
EVERY = 0.2  # s between two samples


@dataclass(frozen=True)
class Machine:
    """load: load average of the minute before the event, per core. cpu: share of all cores that
    was busy while PostgreSQL was away, or from the event until the cluster was whole if it was not.
    clients: CPU of all clients during the trial, in cores. NaN: not measured.
    """

    load: float = math.nan
    cpu: float = math.nan
    clients: float = math.nan


@dataclass(frozen=True)
class Sample:
    """at: s of the epoch. busy, total: ticks of all cores since the boot."""

    at: float
    busy: int
    total: int


def sample(at: float, text: str) -> Sample:
    """Returns what /proc/stat says (proc(5)). Pure."""
    user, nice, system, idle, iowait, *more = map(int, text.splitlines()[0].split()[1:9])
    busy = user + nice + system + sum(more)
    return Sample(at, busy, busy + idle + iowait)


def share(samples: Sequence[Sample], since: float, until: float) -> float:
    """Returns the share of all cores that was busy. NaN: the samples do not span the time. Pure."""
    before = [each for each in samples if each.at <= since]
    after = [each for each in samples if each.at >= until]
    if not before or not after or after[0].total == before[-1].total:
        return math.nan
    first, last = before[-1], after[0]
    return (last.busy - first.busy) / (last.total - first.total)


def measured(
    samples: Sequence[Sample], evidence: Evidence, away: tuple[float, float] | None
) -> Machine:
    """Returns the figures of a trial. away: since when and until when PostgreSQL was. Pure."""
    since, until = away or (evidence.started, evidence.settled)
    clients = cpu_share(evidence.seen) if evidence.seen.usage else math.nan
    return Machine(evidence.load, share(samples, since, until), clients)


def together(found: Sequence[Machine]) -> Machine:
    """Returns the medians. Pure."""
    rows = ([each.load for each in found], [each.cpu for each in found], [c.clients for c in found])
    return Machine(*(median([value for value in row if not math.isnan(value)]) for row in rows))


class Meter(threading.Thread):
    """Takes samples for as long as the block lasts."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.samples: list[Sample] = []
        self._ending = threading.Event()

    def run(self) -> None:
        while True:
            self.samples.append(sample(time.time(), STAT.read_text()))
            if self._ending.wait(EVERY):
                return

    def __enter__(self) -> Meter:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self.join()
