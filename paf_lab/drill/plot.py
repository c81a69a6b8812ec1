"""The lanes of a run as a figure of plotly. Pure."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .lanes import BEFORE, CLIENTS, EVENTS, NOBODY, POSTGRES, PROD, SILENT, Lane, Span
from .records import ACK, DOWN, FAILED, MISROUTED, PRIMARY, REFUSED, STANDBY, UNKNOWN
from .timeline import AGENT, DRILL, PACEMAKER, PAF

Figure = Mapping[str, Any]
"""A figure as plotly.js takes it: data and layout."""
HELD = "held"
COLOURS: dict[str, dict[str, str]] = {
    EVENTS: {DRILL: "#000000", PACEMAKER: "#1aa0b8", PAF: "#2f5fbf", AGENT: "#2f8f2f"},
    POSTGRES: {PRIMARY: "#7a4fbf", STANDBY: "#b9d3ee", DOWN: "#30302f"},
    PROD: {NOBODY: "#d8d3c4", SILENT: "#30302f"},
    CLIENTS: {
        ACK: "#9ccc9c", HELD: "#f2b134", REFUSED: "#d62728", FAILED: "#8b1a1a",
        UNKNOWN: "#e377c2", MISROUTED: "#ff00ff",
    },
}  # fmt: skip
WORDS = {ACK: "acknowledged"}
NODES = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#17becf", "#bcbd22")
"""Of the nodes to which a HAProxy leads, in the order of their names."""
STRANGE = "#ff0000"  # a HAProxy that leads to two nodes
LANE, APART = 17, 0.4
"""px from lane to lane, and how many lanes two kinds stand apart."""
ABOVE, AXIS, ENTRY = 24, 30, 19  # px: the label of the event, the axis, a line of the legend
DIGITS = 4  # of a time in s


def figure(lanes: Sequence[Lane]) -> Figure:
    """Returns the figure. A state has one trace, which the legend can hide."""
    from plotly import graph_objects as go  # 0.5 s, and of use at the end of a drill only

    places = _places(lanes)
    found = go.Figure()
    entries = 0
    for kind in COLOURS:
        mine = [
            (place, lane, span)
            for place, lane in zip(places, lanes)
            for span in lane.spans
            if lane.kind == kind
        ]
        colours = colours_of(kind, lanes)
        states = sorted({span.state for *_, span in mine}, key=list(colours).index)
        entries = max(entries, len(states))
        for state in states:
            chosen = [each for each in mine if each[2].state == state]
            trace = _marks if kind == EVENTS else _bars
            found.add_trace(trace(kind, state, colours[state], chosen))
    found.update_layout(_layout(lanes, places, entries))
    drawn: Figure = json.loads(found.to_json())
    return drawn


def colours_of(kind: str, lanes: Iterable[Lane]) -> dict[str, str]:
    """Returns the colours of all states of a kind of lane, in the order of the legend."""
    known = COLOURS[kind]
    lanes = list(lanes)
    states = {span.state for lane in lanes if lane.kind == kind for span in lane.spans}
    names = sorted(lane.name.split()[-1] for lane in lanes if lane.kind == PROD)
    nodes = {name: NODES[n % len(NODES)] for n, name in enumerate(names)} if kind == PROD else {}
    return {**nodes, **known, **dict.fromkeys(sorted(states - set(nodes) - set(known)), STRANGE)}


def _places(lanes: Sequence[Lane]) -> list[float]:
    """Returns the height of each lane, in lanes. Kinds stand apart."""
    kinds = list(COLOURS)
    return [n + APART * kinds.index(lane.kind) for n, lane in enumerate(lanes)]


Chosen = Sequence[tuple[float, Lane, Span]]


def _bars(kind: str, state: str, colour: str, chosen: Chosen) -> Any:
    from plotly import graph_objects as go

    return go.Bar(
        orientation="h",
        base=[round(span.since, DIGITS) for *_, span in chosen],
        x=[round(span.until - span.since, DIGITS) for *_, span in chosen],
        y=[number for number, *_ in chosen],
        width=0.8,
        # The outline makes the shortest spans visible.
        marker={"color": colour, "line": {"color": colour, "width": 1}},
        **_common(kind, state, [_lasted(lane, span) for _, lane, span in chosen]),
    )


def _marks(kind: str, state: str, colour: str, chosen: Chosen) -> Any:
    from plotly import graph_objects as go

    return go.Scatter(
        mode="markers",
        x=[round(span.since, DIGITS) for *_, span in chosen],
        y=[number for number, *_ in chosen],
        marker={
            "symbol": "line-ns", "size": LANE - 6, "color": colour,
            "line": {"color": colour, "width": 2},
        },
        **_common(kind, state, [f"{html.escape(s.text)}<br>{s.since:+.3f} s" for *_, s in chosen]),
    )  # fmt: skip


def _common(kind: str, state: str, texts: list[str]) -> dict[str, Any]:
    return {
        "name": WORDS.get(state, state),
        "legendgroup": kind,
        "legendgrouptitle": {"text": kind},
        "hovertext": texts,
        "hoverinfo": "text",
    }


def _lasted(lane: Lane, span: Span) -> str:
    text = html.escape(f"{lane.name}: {span.text}")
    return f"{text}<br>{span.since:+.3f} s to {span.until:+.3f} s"


def _layout(lanes: Sequence[Lane], places: Sequence[float], entries: int) -> dict[str, Any]:
    """entries: lines of the legend."""
    until = max((span.until for lane in lanes for span in lane.spans), default=0)
    inner = round(LANE * (places[-1] + 1))
    below = AXIS + ENTRY * (entries + 1) + 10
    return {
        "template": "none",
        "barmode": "overlay",
        "dragmode": "zoom",
        "hovermode": "closest",
        "height": ABOVE + inner + below,
        "margin": {"l": 130, "r": 12, "t": ABOVE, "b": below},
        "font": {"size": 11},
        "legend": {
            "orientation": "h", "y": -AXIS / inner, "yanchor": "top",
            "groupclick": "toggleitem", "grouptitlefont": {"size": 11},
        },
        "xaxis": {
            "range": [-BEFORE, round(until, DIGITS)], "ticksuffix": " s", "gridcolor": "#e4e4e4",
            "zeroline": False, "tickformat": "+.6~g",
        },
        "yaxis": {
            "range": [places[-1] + 0.5, -0.5], "fixedrange": True, "showgrid": False,
            "zeroline": False, "tickmode": "array", "tickvals": list(places),
            "ticktext": [html.escape(lane.name) for lane in lanes],
        },
        "shapes": [
            {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1,
             "line": {"color": "#c01818", "width": 1, "dash": "dash"}},
        ],
        "annotations": [
            {"x": 0, "y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False,
             "text": "the drill acts", "font": {"color": "#c01818", "size": 11}},
        ],
    }  # fmt: skip
