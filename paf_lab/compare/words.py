"""Figures for people."""

from __future__ import annotations

import math

NOTHING = "-"


def seconds(value: float | None) -> str:
    """Returns a time for people: NaN is nothing, infinity never came."""
    if value is None or math.isnan(value):
        return NOTHING
    return "never" if math.isinf(value) else f"{value:.2f} s"


def ratio(value: float | None) -> str:
    """Returns a ratio for people."""
    if value is None or math.isnan(value):
        return NOTHING
    return "never" if math.isinf(value) else f"{value:.2f}"


def milliseconds(value: float) -> str:
    """Returns a difference of times in s for people."""
    return f"{value * 1000:+.2f} ms"


def percent(value: float) -> str:
    """Returns a share for people."""
    return NOTHING if math.isnan(value) else f"{value * 100:.1f} %"
