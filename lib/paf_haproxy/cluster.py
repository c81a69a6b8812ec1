"""Who is primary, as Pacemaker tells it. Pure: no I/O, no clock.

A view holds at most one primary, and a switchover is two steps away from it: `leaving` (it is about
to be demoted) and `candidate` (the node that is about to be promoted). A pre-notification is an
intention, so it never changes `primary`; only what has happened does.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Notice


class ClusterView:
    """primary: the node that Pacemaker promoted last, or None. leaving: it is about to be demoted.
    candidate: the node about to be promoted, or None; never the primary itself.
    """

    __slots__ = ("candidate", "leaving", "primary")

    def __init__(
        self, primary: str | None = None, candidate: str | None = None, leaving: bool = False
    ) -> None:
        self.primary = primary
        self.candidate = candidate if candidate != primary else None
        self.leaving = leaving and primary is not None

    @property
    def settled(self) -> bool:
        """Whether no change of primary is announced."""
        return self.candidate is None and not self.leaving

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClusterView) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return "ClusterView(primary={!r}, candidate={!r}, leaving={!r})".format(*self._key())

    def __str__(self) -> str:
        words = [f"primary {self.primary or 'unknown'}"]
        if self.leaving:
            words.append("leaving")
        if self.candidate:
            words.append(f"for {self.candidate}")
        return " ".join(words)

    def _key(self) -> tuple[str | None, str | None, bool]:
        return self.primary, self.candidate, self.leaving


def announce(view: ClusterView, notice: Notice) -> ClusterView:
    """Returns the view after a notification. Unknown events leave it as it is.

    - A demote with nobody to promote is no change of primary: the HAProxy on the primary's node
      fails or stops while PostgreSQL goes on. Neither is a demote and promote of the same node:
      HAProxy bounces there.
    - A promotion of several nodes cannot be (promoted-max is 1) and is not followed.
    """
    if notice.event == "pre-demote":
        if notice.promote and view.primary in notice.demote and view.primary not in notice.promote:
            return ClusterView(view.primary, view.candidate, leaving=True)
    elif notice.event == "pre-promote":
        if len(notice.promote) == 1:
            (node,) = notice.promote
            if node == view.primary:
                return ClusterView(node)
            return ClusterView(view.primary, node, leaving=True)
    elif notice.event == "post-promote":
        now = set(notice.promoted) - set(notice.demote) | set(notice.promote)
        if len(now) == 1:
            return ClusterView(now.pop())
    elif notice.event == "post-start":
        staying = set(notice.promoted) - set(notice.demote)
        if view.primary is None and view.settled and len(staying) == 1:
            return ClusterView(staying.pop())
    return view
