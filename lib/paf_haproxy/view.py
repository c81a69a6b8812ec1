"""Who is primary, as Pacemaker tells it. Pure: no I/O, no clock.

A pre-notification is an intention, so it never changes `primary`, and it never takes a node out of
prod for good: what may still be the primary is leaving, its sessions and the last of its WAL pass.
Only what has happened (post-promote) settles the view.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .context import Notice


class ClusterView:
    """The primary, and the change of it that is announced.

    primary: the node that Pacemaker promoted last, or None.
    candidate: the node about to be promoted instead, or None; never the primary.
    leaving: nodes that are, or may be, the primary until then. Where there is a candidate the
    primary is leaving: two nodes are never meant to serve at a time.
    """

    __slots__ = ("candidate", "leaving", "primary")

    def __init__(
        self,
        primary: str | None = None,
        candidate: str | None = None,
        leaving: Iterable[str] = (),
    ) -> None:
        self.primary = primary
        self.candidate = candidate if candidate != primary else None
        names: set[str] = set(leaving)
        if self.candidate is not None:
            names |= {primary} if primary is not None else set()
            names -= {self.candidate}
        self.leaving = frozenset(names)

    @property
    def settled(self) -> bool:
        """Whether no change of primary is announced."""
        return self.candidate is None and not self.leaving

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClusterView) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"ClusterView({self.primary!r}, {self.candidate!r}, {sorted(self.leaving)!r})"

    def __str__(self) -> str:
        words = f"primary {self.primary or 'unknown'}"
        if self.leaving:
            words += f", leaving {' '.join(sorted(self.leaving))}"
        if self.candidate:
            words += f", candidate {self.candidate}"
        return words

    def _key(self) -> tuple[str | None, str | None, frozenset[str]]:
        return self.primary, self.candidate, self.leaving


def before(notice: Notice) -> ClusterView:
    """Returns the view before the notification, for a node that has no role file."""
    return ClusterView(notice.promoted[0] if len(notice.promoted) == 1 else None)


def announce(view: ClusterView, notice: Notice) -> ClusterView:
    """Returns the view after a notification. Unknown events leave it as it is.

    - Who is to be promoted is named with the demote already, and expected from then on: the
      pre-promote comes late where a notify hangs on any node, and PostgreSQL is promoted meanwhile.
    - A post-demote says what the pre-demote said, to a node that did not hear or follow that one.
    - A demote with nobody to promote is no change of primary: the HAProxy on the primary's node
      fails or stops while PostgreSQL goes on. Neither is a demote and promote of the same node:
      HAProxy bounces there.
    - A transition may be overtaken by one with other names before its promotion is told: whoever
      was to be promoted may be the primary by now, and leaves like one.
    - Pacemaker names who is promoted in each notification. That node leaves, too: what this node
      knew may be lost or wrong. If its server were put into maintenance, the standbys would lose
      the primary before its last WAL.
    - A promotion of several nodes cannot be (promoted-max is 1) and is not followed.
    """
    if notice.event in ("pre-demote", "post-demote"):
        going = set(notice.demote) - set(notice.promote)
        serving = {view.primary, view.candidate, *notice.promoted} & going
        if notice.promote and serving:
            if len(notice.promote) == 1 and view.primary not in notice.promote:
                return _expect(view, *notice.promote, serving)
            candidate = None if view.candidate in serving else view.candidate
            leaving = view.leaving | {name for name in serving if name is not None}
            return ClusterView(view.primary, candidate, leaving)
    elif notice.event == "pre-promote":
        if len(notice.promote) == 1:
            return _expect(view, *notice.promote, {*notice.promoted, *notice.demote})
    elif notice.event == "post-promote":
        now = set(notice.promoted) - set(notice.demote) | set(notice.promote)
        if len(now) == 1:
            return ClusterView(now.pop())
    elif notice.event == "post-start":
        staying = set(notice.promoted) - set(notice.demote)
        if view.primary is None and view.settled and len(staying) == 1:
            return ClusterView(staying.pop())
    return view


def _expect(view: ClusterView, node: str, promoted: Iterable[str | None]) -> ClusterView:
    """Returns the view in which a node is about to be the primary, and all others leave. promoted:
    those that are it for Pacemaker.
    """
    others = view.leaving | {view.candidate, view.primary, *promoted}
    rest = {name for name in others if name is not None and name != node}
    return ClusterView(view.primary, None if node == view.primary else node, rest)
