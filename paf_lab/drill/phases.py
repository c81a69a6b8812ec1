"""Where the time goes between two primaries, after a loss or an order to move. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .timeline import AGENT, PACEMAKER, POSTGRES, Event

Steps = tuple[tuple[str, str, str], ...]
"""Each phase, and how the event that ends it begins."""
STEPS: Steps = (
    ("noticed", PACEMAKER, "Requesting fencing"),
    ("fenced", AGENT, "pre-promote: "),
    ("elected", PACEMAKER, "Initiating promote operation pgsqld"),
    ("promoted", POSTGRES, "primary, was standby"),
)
"""noticed: Corosync's token is lost, the others agree on a membership, and Pacemaker plans. fenced:
the device has confirmed. elected: PAF compares the standbys. promoted: PostgreSQL leaves recovery.
"""
PLANNED: Steps = (
    ("announced", PACEMAKER, "Initiating demote operation pgsqld"),
    ("demoted", PACEMAKER, "Result of demote operation for pgsqld"),
    ("elected", PACEMAKER, "Initiating promote operation pgsqld"),
    ("promoted", POSTGRES, "primary, was standby"),
)
"""Of a switchover. announced: Pacemaker plans, and notifies all nodes. demoted: PostgreSQL stops,
and starts as a standby. The others as above."""


def phases(events: Iterable[Event], started: float, steps: Steps = STEPS) -> dict[str, float]:
    """Returns how long each phase took, in s; nothing if one is missing. events: in the order of
    time, their times like `started`.
    """
    left = [each for each in events if each.at >= started]
    found: dict[str, float] = {}
    since = started
    for name, who, text in steps:
        end = _first(left, since, who, text)
        if end is None:
            return {}
        found[name], since = end - since, end
    return found


def _first(events: Sequence[Event], since: float, who: str, text: str) -> float | None:
    return next(
        (
            each.at
            for each in events
            if each.at >= since and each.who == who and each.text.startswith(text)
        ),
        None,
    )
