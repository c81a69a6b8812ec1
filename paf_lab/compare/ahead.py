"""Where another topology does better than this project's: what a page of ours must say. Pure."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping

from ..drill.latency import WITHIN
from ..topology import DEFAULT
from .figures import Summary
from .steady import KINDS, Steady
from .words import milliseconds, percent, ratio, seconds

COLUMNS = ("drill", "figure", DEFAULT, "ahead")


def _unserved(place: int, found: Summary) -> float:
    """Returns the share of requests at a fixed rate that were not served in time; NaN if there were
    none.
    """
    shares = found.service.open_loop
    return math.nan if shares is None else 1 - shares.within[place]


# Less is better; NaN, where there is nothing to measure, is ahead of nobody.
FAULTS: dict[str, tuple[Callable[[Summary], float], Callable[[float], str]]] = {
    "write outage": (lambda found: found.outage, seconds),
    "write outage, worst": (lambda found: found.worst_outage, seconds),
    "sum of gaps": (lambda found: found.service.gaps, seconds),
    "PostgreSQL away": (lambda found: found.absence, seconds),
    "ratio": (lambda found: found.ratio, ratio),
    "worst ratio": (lambda found: found.worst_ratio, ratio),
    "failed": (lambda found: found.failed, str),
    "misrouted": (lambda found: found.misrouted, str),
    "sessions lost": (lambda found: found.service.sessions_lost, str),
    "rows lost": (lambda found: found.lost, str),
    "agreement": (lambda found: found.agreement, seconds),
    "read outage": (lambda found: found.service.read_outage, seconds),
    "sum of gaps of readers": (lambda found: found.service.read_gaps, seconds),
    "reads answered by a primary": (lambda found: found.stray_reads, str),
    **{
        f"not served within {limit:g} s": (functools.partial(_unserved, place), percent)
        for place, limit in enumerate(WITHIN)
    },
    "errors through PgBouncer": (
        lambda found: found.service.pooled_failed if found.service.pooled else math.nan,
        str,
    ),
}
REST: dict[str, tuple[Callable[[Steady], float], Callable[[float], str]]] = {
    "CPU of a node": (lambda found: found.cpu, "{:.0f} s/h".format),
    "connect, added": (lambda found: found.connect[0] - found.connect[1], milliseconds),
    "query, added": (lambda found: found.query[0] - found.query[1], milliseconds),
}


def ahead(
    drills: Mapping[str, Mapping[str, Summary]], steady: Mapping[str, Steady]
) -> list[tuple[str, ...]]:
    """Returns a row for each figure in which another topology was better, the best of them first.

    drills: by drill and topology; steady: by topology. Ours must be among them to be compared.
    """
    rows = []
    for drill, found in drills.items():
        for title, (value, shown) in FAULTS.items():
            values = {name: value(one) for name, one in found.items()}
            rows += _row(drill, title, values, shown)
    for title, (cost, shown) in REST.items():
        rows += _row("at rest", title, {name: cost(one) for name, one in steady.items()}, shown)
    for kind in KINDS:
        less = {name: 1 - one.tps[kind][0] / one.tps[kind][1] for name, one in steady.items()}
        rows += _row("at rest", f"pgbench, {kind}", less, lambda share: f"{1 - share:.2f}")
    return rows


def _row(
    drill: str, title: str, values: Mapping[str, float], shown: Callable[[float], str]
) -> list[tuple[str, ...]]:
    if DEFAULT not in values:
        return []
    better = sorted((value, name) for name, value in values.items() if value < values[DEFAULT])
    who = ", ".join(f"{name} {shown(value)}" for value, name in better)
    return [(drill, title, shown(values[DEFAULT]), who)] if better else []
