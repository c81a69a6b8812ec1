"""A run as a picture: who was primary, where each HAProxy led, and what became of each client's
attempts, on one axis of time. SVG, made of records. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from . import figures
from .records import ACK, DOWN, PRIMARY, STANDBY, UP, Attempt, ServersSeen
from .timeline import AGENT, DRILL, PACEMAKER, PAF, Event
from .verdict import Run

LEFT, WIDTH, ROW, GAP = 150, 950, 12, 3
BEFORE, AFTER = 2.0, 2.0  # s shown before the event and after the cluster was whole again
COLOURS = {
    PRIMARY: "#7a4fbf", STANDBY: "#b9d3ee", DOWN: "#30302f",
    ACK: "#9ccc9c", "held": "#f2b134", "refused": "#d62728", "failed": "#d62728",
    "unknown": "#e377c2", "misrouted": "#ff0000",
    "nobody": "#e8e4da", "silent": "#30302f",
    PACEMAKER: "#1aa0b8", AGENT: "#2f8f2f", PAF: "#2f5fbf", DRILL: "#000000",
}  # fmt: skip
NODES = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd")
"""Colours of the nodes, in the order of their names: of whom a HAProxy leads to."""


@dataclass(frozen=True)
class Bar:
    """A span of time in a row, in s of the epoch."""

    since: float
    until: float
    colour: str
    text: str


def svg(run: Run) -> str:
    """Returns the picture as an SVG element."""
    evidence = run.evidence
    since = evidence.started - BEFORE
    until = evidence.settled + AFTER
    rows = list(_rows(run, since, until))
    height = len(rows) * (ROW + GAP) + 30
    scale = WIDTH / (until - since)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 10} {height}"'
        ' font-family="sans-serif" font-size="10">'
    ]
    for place, (name, bars) in enumerate(rows):
        y = place * (ROW + GAP)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 10}" text-anchor="end">{escape(name)}</text>')
        for bar in bars:
            x = LEFT + (max(bar.since, since) - since) * scale
            width = max(1.0, (min(bar.until, until) - max(bar.since, since)) * scale)
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW}"'
                f" fill={quoteattr(bar.colour)}><title>{escape(bar.text)}</title></rect>"
            )
    parts += _axis(since, until, evidence.started, height, scale)
    return "".join(parts) + "</svg>"


def _axis(since: float, until: float, zero: float, height: int, scale: float) -> Iterator[str]:
    step = next(each for each in (1, 2, 5, 10, 20, 60, 120) if (until - since) / each <= 20)
    moment = 0.0 - step * int((zero - since) / step)
    while zero + moment <= until:
        x = LEFT + (zero + moment - since) * scale
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 18}" stroke="#0002"/>'
        yield f'<text x="{x:.1f}" y="{height - 5}" text-anchor="middle">{moment:+g} s</text>'
        moment += step


def _rows(run: Run, since: float, until: float) -> Iterator[tuple[str, list[Bar]]]:
    evidence, seen = run.evidence, run.evidence.seen
    names = sorted(evidence.addresses)
    for who in (DRILL, PACEMAKER, PAF, AGENT):
        yield who, [_tick(event) for event in run.events if event.who == who]
    for name in names:
        changes = [(each.at, each.role) for each in seen.roles if each.node == name]
        yield f"PostgreSQL {name}", list(_spans(changes, until, COLOURS))
    leads = {name: NODES[place % len(NODES)] for place, name in enumerate(names)}
    for name in names:
        told = [(each.at, _leads_to(each)) for each in seen.servers if each.node == name]
        yield f"prod of {name}", list(_spans(told, until, {**COLOURS, **leads}))
    for client in sorted(evidence.clients):
        mine = [a for a in seen.attempts if a.client == client and a.end >= since]
        yield client, list(_outcomes(mine))


def _tick(event: Event) -> Bar:
    text = f"{event.node} {event.text}"
    return Bar(event.at, event.at, COLOURS[event.who], text)


def _leads_to(seen: ServersSeen) -> str:
    if seen.states is None:
        return "silent"
    ready = [name for name, state in seen.states.items() if state == UP]
    found = [name.partition("/")[2] for name in ready if name.startswith("prod/")]
    return " ".join(name for name in found if name != "hold") or "nobody"


def _spans(
    changes: list[tuple[float, str]], until: float, colours: dict[str, str]
) -> Iterator[Bar]:
    ends = [at for at, _ in changes[1:]] + [until]
    for (at, state), end in zip(changes, ends):
        yield Bar(at, end, colours.get(state, "#ff0000"), state)


def _outcomes(attempts: Iterable[Attempt]) -> Iterator[Bar]:
    for each in figures.strip(attempts):
        yield Bar(each.since, each.until, COLOURS[each.outcome], each.text)
