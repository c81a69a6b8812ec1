"""What a soak has come to: the summary as JSON. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from . import figures, oracle
from .round import NOT_WHOLE, UNREAD, UNSERVED, Round
from .schedule import BY_NAME

DONE, SKIPPED = "done", "skipped"
KINDS = (*oracle.RULES, oracle.CHANGED, NOT_WHOLE, UNSERVED, UNREAD)
"""All kinds of violations."""


def summary(rounds: Sequence[Round], facts: Mapping[str, Any], trouble: str = "") -> dict[str, Any]:
    """Returns the summary. facts: commit, versions, seed and the like. trouble: why it ended before
    its time, or ''.

    without_writes, whole_after: the longest of all rounds, s.
    """
    failed = [each for each in rounds if not each.passed]
    return {
        **facts,
        "passed": bool(rounds) and not failed and not trouble,
        "trouble": trouble,
        "rounds": len(rounds),
        "faults": faults(rounds),
        "operations": figures.added(each.operations for each in rounds),
        "stray_reads": sum(each.stray_reads for each in rounds),
        "violations": violations(rounds),
        "without_writes": max((each.without_writes for each in rounds), default=0.0),
        "whole_after": max((each.whole_after or 0.0 for each in rounds), default=0.0),
        "rebuilt": sum(len(each.rebuilt) for each in rounds),
        "repaired_by_the_lab": sum(each.whole_after is None for each in rounds),
        "failed_rounds": [_failed(each) for each in failed],
    }


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yields the summary for people."""
    done = sum(each[DONE] for each in found["faults"].values())
    operations = sum(sum(of.values()) for of in found["operations"].values())
    yield f"{found['rounds']} rounds, {done} faults, {operations} operations"
    told = [f"{count} {kind}" for kind, count in found["violations"].items() if count]
    yield f"violations: {', '.join(told) or 'none'}"
    yield f"longest time without writes: {found['without_writes']:g} s"
    yield f"longest time until whole: {found['whole_after']:g} s"
    yield f"former primaries made anew: {found['rebuilt']}"
    yield f"repairs by the lab: {found['repaired_by_the_lab']}"
    if found["trouble"]:
        yield f"ended early: {found['trouble']}"
    yield "passed" if found["passed"] else "FAILED"


def faults(rounds: Iterable[Round]) -> dict[str, dict[str, int]]:
    """Returns how often each fault was brought about, and how often it was not possible."""
    found: dict[str, Counter[str]] = {name: Counter() for name in BY_NAME}
    for each in rounds:
        for outcome in each.outcomes:
            found[outcome.entry.fault][SKIPPED if outcome.skipped else DONE] += 1
    return {name: {DONE: of[DONE], SKIPPED: of[SKIPPED]} for name, of in found.items()}


def violations(rounds: Iterable[Round]) -> dict[str, int]:
    """Returns how often each kind of violation came; 0 for those that did not."""
    found = Counter(dict.fromkeys(KINDS, 0))
    for each in rounds:
        for violation in each.violations:
            found[violation.kind] += violation.count
    return dict(found)


def _failed(each: Round) -> dict[str, Any]:
    return {
        "round": each.number,
        "violations": [asdict(violation) for violation in each.violations],
        "entries": [outcome.as_json() for outcome in each.outcomes],
        "without_writes": each.without_writes,
        "whole_after": each.whole_after,
    }
