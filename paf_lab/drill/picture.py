"""A figure of a run as a still picture, for pages that cannot run scripts. SVG. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

from .plot import Figure

LEFT, WIDTH, ROW, GAP = 150, 950, 12, 3
BELOW = 30
STEPS = (1, 2, 5, 10, 20, 60, 120, 300)  # s between two lines


def svg(figure: Figure) -> str:
    """Returns the picture as an SVG element."""
    layout = figure["layout"]
    since, until = layout["xaxis"]["range"]
    names = layout["yaxis"]["ticktext"]
    places = layout["yaxis"]["tickvals"]
    height = round((places[-1] + 1) * (ROW + GAP)) + BELOW
    scale = WIDTH / (until - since)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 10} {height}"'
        ' font-family="sans-serif" font-size="10">'
    ]
    for place, name in zip(places, names):
        y = place * (ROW + GAP) + 10
        parts.append(f'<text x="{LEFT - 6}" y="{y:.0f}" text-anchor="end">{name}</text>')
    for trace in figure["data"]:
        parts += _rectangles(trace, since, scale)
    parts += _axis(since, until, height, scale)
    return "".join(parts) + "</svg>"


def _rectangles(trace: dict[str, Any], since: float, scale: float) -> Iterator[str]:
    starts = trace.get("base", trace["x"])
    lengths = trace["x"] if "base" in trace else [0] * len(starts)
    fill = quoteattr(trace["marker"]["color"])
    for start, length, lane, text in zip(starts, lengths, trace["y"], trace["hovertext"]):
        x = LEFT + (start - since) * scale
        yield (
            f'<rect x="{x:.1f}" y="{lane * (ROW + GAP):.0f}" width="{max(1.0, length * scale):.1f}"'
            f' height="{ROW}" fill={fill}><title>{text.replace("<br>", ", ")}</title></rect>'
        )


def _axis(since: float, until: float, height: int, scale: float) -> Iterator[str]:
    step = next((each for each in STEPS if (until - since) / each <= 20), STEPS[-1])
    moment = -step * int(-since / step)
    while moment <= until:
        x = LEFT + (moment - since) * scale
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 18}" stroke="#0002"/>'
        yield f'<text x="{x:.1f}" y="{height - 5}" text-anchor="middle">{moment:+g} s</text>'
        moment += step
