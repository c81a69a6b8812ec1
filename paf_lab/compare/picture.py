"""What new connections saw of a fault: strips under one another, one group for each topology."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from ..drill.lanes import CLIENTS
from ..drill.plot import COLOURS
from ..errors import LabError
from .figures import Trial
from .report import Result

BEFORE, LONGEST = 2.0, 45.0  # s shown
BAR, GROUP = 0.8, 0.7  # of a row: how high a strip is, and the gap between topologies


def check() -> None:
    """Raises LabError if nothing can be drawn: better before hours of measuring than after."""
    if importlib.util.find_spec("matplotlib") is None:
        raise LabError("matplotlib is not there: make compare, or pip install -e '.[lab,compare]'")


def draw(results: Sequence[Result], drills: Sequence[str], file: Path) -> None:
    """Writes a PNG with one column for each fault."""
    import matplotlib as mpl  # 1 s, and of no use to other commands

    mpl.use("Agg")
    from matplotlib import pyplot

    shown = [name for name in drills if any(name in each.summaries() for each in results)]
    names = [each.topology.name for each in results if each.trials]
    rows = sum(3 + GROUP for _ in names)
    figure, axes = pyplot.subplots(
        1, len(shown), figsize=(1.5 + 5.5 * len(shown), 0.6 + rows * 0.16), squeeze=False
    )
    for axis, drill in zip(axes[0], shown):
        ticks, until, place = [], 0.0, 0.0
        for each in results:
            if not each.trials:
                continue
            found = [one for one in each.trials if one.drill == drill][:1]
            ticks.append(place + 1)
            for one in found:
                _strips(axis, one, place)
                until = max(until, _end(one))
            place += 3 + GROUP
        axis.set_title(drill, fontsize=9)
        axis.set_xlim(-BEFORE, min(LONGEST, until + 1))
        axis.set_ylim(place, -GROUP)
        axis.set_yticks(ticks, names if axis is axes[0][0] else [""] * len(ticks), fontsize=8)
        axis.set_xlabel("s after the event", fontsize=8)
        axis.tick_params(axis="x", labelsize=8)
        axis.grid(axis="x", alpha=0.3)
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
        axis.tick_params(axis="y", length=0)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def _strips(axis: object, one: Trial, place: float) -> None:
    for number, spans in enumerate(one.strips.values()):
        for since, until, outcome in spans:
            axis.broken_barh(  # type: ignore[attr-defined]
                [(since, max(until - since, 0.05))],
                (place + number - BAR / 2, BAR),
                color=COLOURS[CLIENTS][outcome],
                linewidth=0,
            )


def _end(one: Trial) -> float:
    """Returns when the last attempt ended that was no plain ack, s after the event."""
    ends = [
        until for spans in one.strips.values() for _, until, outcome in spans if outcome != "ack"
    ]
    return max([*ends, one.outage if one.outage < LONGEST else 0.0], default=0.0)
