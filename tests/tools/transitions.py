"""Histories of a cluster: what Pacemaker's scheduler does, and the notices that follow from it.

The lists of each kind are those that crm_simulate gives (see tests/golden).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from paf_haproxy.context import Notice

_DEMOTE = ("pre-demote", "post-demote")
_PROMOTE = ("pre-promote", "post-promote")
_STOP = ("pre-stop", "post-stop")
_START = ("pre-start", "post-start")

# kind: events; whether the lists name who is demoted, who is promoted, and who was promoted before
_KINDS: dict[str, tuple[tuple[str, ...], bool, bool, bool]] = {
    "first": (_PROMOTE, False, True, False),
    "switchover": (_DEMOTE + _PROMOTE, True, True, True),
    "failover": (_PROMOTE, False, True, False),
    "fenced": (_DEMOTE + _STOP + _PROMOTE, True, True, True),
    "bounce": (_DEMOTE + _STOP + _START + _PROMOTE, True, True, True),
    "leave": (_DEMOTE + _STOP, True, False, True),
    "return": (_START + _PROMOTE, False, True, False),
    "aborted": (_DEMOTE[:1], True, True, True),
}


@dataclass(frozen=True)
class Transition:
    """before, after: the primary. kind: of _KINDS; the target of 'aborted' is not reached."""

    before: str | None
    after: str
    kind: str
    target: str = ""

    def notices(self) -> list[Notice]:
        events, demotes, promotes, named = _KINDS[self.kind]
        before = (self.before,) if self.before else ()
        promote = (self.target or self.after,) if promotes else ()
        return [
            Notice(event, promote, before if demotes else (), before if named else ())
            for event in events
        ]


@st.composite
def transitions(draw: st.DrawFn, nodes: Sequence[str], most: int = 6) -> list[Transition]:
    """Returns a possible history that starts with the first promotion."""
    primary = draw(st.sampled_from(nodes))
    history = [Transition(None, primary, "first")]
    away = False  # whether HAProxy is gone from the primary's node
    for _ in range(draw(st.integers(0, most))):
        others = [node for node in nodes if node != primary]
        if away:
            kind = draw(st.sampled_from(["return", "failover"]))
        else:
            kind = draw(st.sampled_from(sorted(set(_KINDS) - {"first", "return"})))
        away = kind == "leave"
        if kind == "aborted":
            target = draw(st.sampled_from(others))
            history.append(Transition(primary, primary, kind, target))
        elif kind in ("switchover", "failover", "fenced"):
            after = draw(st.sampled_from(others))
            history.append(Transition(primary, after, kind))
            primary = after
        else:
            history.append(Transition(primary, primary, kind))
    return history
