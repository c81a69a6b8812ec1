"""Whether the fault of a drill took place, by what observers, clients and nodes have told. Pure.

A drill whose fault did not take place shows nothing, however well its clients fared. That a command
was sent is no witness.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

from . import figures
from .audits import Evidence, Finding
from .records import DOWN, PRIMARY, Facts

FAULT = "the fault took place"
"""The name of the line in every verdict."""
Stretch = tuple[float, float]
"""From when until when, s of the epoch."""


def witness(passed: bool, value: str) -> Finding:
    """Returns the line of a verdict. value: what was seen, or what was not."""
    return Finding(FAULT, passed, value, "yes")


def every(*found: Finding) -> Finding:
    """Returns one line: all of them must have been seen. The value has what is missing, if any."""
    missing = [each.value for each in found if not each.passed]
    return witness(
        bool(found) and not missing, "; ".join(missing or [each.value for each in found])
    )


def primary_changed(evidence: Evidence) -> Finding:
    """Another node left recovery, and the old primary had acknowledged writes before."""
    change = evidence.change
    if change is None:
        return witness(False, f"no other node than {evidence.primary} was seen as primary")
    return witness(True, f"primary {change.old}, then {change.new}")


def rebooted(evidence: Evidence, *nodes: str) -> Finding:
    """Each of the nodes has booted since, or is off."""
    same = [name for name in nodes if not _left(evidence, name)]
    names = " and ".join(same or nodes) or "no node"
    return witness(bool(nodes) and not same, f"{names} {'did not boot' if same else 'booted'}")


def _left(evidence: Evidence, node: str) -> bool:
    before = evidence.before.get(node, Facts()).boot
    return bool(before) and before != evidence.after.get(node, Facts()).boot


def replaced(evidence: Evidence, program: str, *nodes: str) -> Finding:
    """On each of the nodes no process of the program of before is there any more."""
    kept = [name for name in nodes if not _replaced(evidence, name, program)]
    names = " and ".join(kept or nodes) or "no node"
    what = "still there, or was not there before" if kept else "is another process"
    return witness(bool(nodes) and not kept, f"{program} on {names}: {what}")


def _replaced(evidence: Evidence, node: str, program: str) -> bool:
    before = evidence.before.get(node, Facts()).processes.get(program, frozenset())
    after = evidence.after.get(node, Facts()).processes.get(program, frozenset())
    return bool(before) and (_left(evidence, node) or not before & after)


def silences(evidence: Evidence, node: str) -> Iterator[Stretch]:
    """Yields since when until when the node's HAProxy did not answer its observer, from the event
    on (infinity: up to the end).
    """
    told = [each for each in evidence.seen.servers if each.node == node]
    told = [each for each in told if each.at >= evidence.started]
    since = None
    for each in told:
        if each.states is None and since is None:
            since = each.before or each.at
        elif each.states is not None and since is not None:
            yield since, each.at
            since = None
    if since is not None:
        yield since, math.inf


def silent(evidence: Evidence, node: str, least: float = 0.0) -> Finding:
    """The node's HAProxy did not answer for at least so many s together."""
    found = [until - since for since, until in silences(evidence, node)]
    longest = max(found, default=0.0)
    value = f"HAProxy on {node} did not answer for {longest:.1f} s"
    return witness(bool(found) and longest >= least, value)


def silent_at(evidence: Evidence, node: str, moment: float) -> Finding:
    """The node's HAProxy did not answer at that moment (s of the epoch)."""
    found = any(since <= moment <= until for since, until in silences(evidence, node))
    return witness(found, f"HAProxy on {node} {'was away' if found else 'answered'} then")


def became(evidence: Evidence, node: str, role: str = DOWN) -> Finding:
    """The node's PostgreSQL was seen to change to this role after the event."""
    found = any(
        each.node == node and each.role == role and each.at >= evidence.started and each.before
        for each in evidence.seen.roles
    )
    return witness(found, f"PostgreSQL on {node} {'was' if found else 'was never'} {role}")


def no_primary(evidence: Evidence) -> Finding:
    """The primary's PostgreSQL was seen to be none any more."""
    found = any(
        each.node == evidence.primary and each.role != PRIMARY and each.at >= evidence.started
        for each in evidence.seen.roles
    )
    return witness(found, f"{evidence.primary} {'ceased to be' if found else 'stayed'} primary")


def sighted(evidence: Evidence, what: str, nodes: Collection[str], least: int = 1) -> Finding:
    """The drill saw this at least so many times on each of the nodes."""
    counts = {
        name: sum(
            each.number
            for each in evidence.sightings
            if each.what == what and each.node == name and each.at >= evidence.started
        )
        for name in nodes
    }
    few = {name: number for name, number in counts.items() if number < least}
    shown = ", ".join(f"{number} on {name}" for name, number in sorted((few or counts).items()))
    return witness(bool(nodes) and not few, f"{what}: {shown or 'no node'}")


def prepared(evidence: Evidence, what: str, node: str, least: int = 1) -> Finding:
    """The drill saw this at least so many times on the node before the event."""
    number = sum(
        each.number for each in evidence.sightings if (each.what, each.node) == (what, node)
    )
    return witness(number >= least, f"{what}: {number} on {node}")


def disturbed(evidence: Evidence, node: str, least: float) -> Finding:
    """A writer of the node was without an acknowledged write for at least so many s."""
    own = [each for each in evidence.seen.attempts if each.node == node]
    acks = figures.by_client(figures.acknowledged(own))
    longest = 0.0
    for attempts in acks.values():
        ends = sorted(each.end for each in attempts)
        pairs = zip(ends, ends[1:])
        longest = max(longest, *(b - a for a, b in pairs if b >= evidence.started), 0.0)
    value = f"a writer of {node} waited {longest:.1f} s at most"
    return witness(longest >= least, value)
