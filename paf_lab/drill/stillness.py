"""When a node stood still: none of its clients told anything. Pure."""

from __future__ import annotations

from .audits import Evidence
from .witness import Stretch


def silence(evidence: Evidence, node: str) -> Stretch:
    """Returns the longest stretch after the event in which no attempt of any client of the node
    ended; (started, started) if the node had no client.
    """
    ends = sorted(each.end for each in evidence.seen.attempts if each.node == node)
    before = [end for end in ends if end < evidence.started][-1:]
    ends = [*before, *(end for end in ends if end >= evidence.started)]
    nothing = (evidence.started, evidence.started)
    return max(zip(ends, ends[1:]), key=lambda pair: pair[1] - pair[0], default=nothing)
