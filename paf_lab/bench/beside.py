"""Two commits of the project, measured in turn on one machine: is the new one worse anywhere?

The machine's speed differs from one hour to the next. Both commits are therefore measured in the
same minutes, each in a lab of its own, and only ratios of neighbouring measurements are judged.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..drill.audits import Finding
from ..drill.figures import median
from ..drill.verdict import ABSENCE, OUTAGE
from ..errors import LabError
from ..shell import run
from . import idle, throughput

OLD, NEW = "old", "new"
WORSE = 1.10
"""The bar of the median of new / old, if a lower value is better; else its reciprocal."""
MOST = 900  # s for one measurement

Run = Callable[[Sequence[str]], Any]
"""Runs `lab` of one commit with these words and --json, and returns what it wrote."""


@dataclass(frozen=True)
class Figure:
    """A figure of both commits, a value for each turn. higher: whether a higher value is better."""

    name: str
    unit: str
    higher: bool
    old: tuple[float, ...]
    new: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median of new / old of each turn."""
        return median([new / old for new, old in zip(self.new, self.old)])


Read = Callable[[Mapping[str, Any]], "list[tuple[str, str, bool, float]]"]
"""Returns name, unit, higher and value of each figure of a measurement."""


def _notify(told: Mapping[str, Any]) -> list[tuple[str, str, bool, float]]:
    return [("notify, whole process", "ms", False, told["notify_ms"]["median"])]


def _throughput(told: Mapping[str, Any]) -> list[tuple[str, str, bool, float]]:
    return [
        (f"pgbench {kind}, through prod / through a plain HAProxy", "", True, _share(rates))
        for kind, rates in told["tps"].items()
    ]


def _share(rates: Mapping[str, Sequence[float]]) -> float:
    pairs = zip(rates[throughput.OURS], rates[throughput.PLAIN])
    return median([ours / plain for ours, plain in pairs])


def _idle(told: Mapping[str, Any]) -> list[tuple[str, str, bool, float]]:
    ours = [each for each in told["cpu_seconds_per_hour"] if each["who"] == idle.OURS]
    return [("CPU of a node at rest", "s per hour", False, sum(each["cpu"] for each in ours))]


def _switchover(told: Mapping[str, Any]) -> list[tuple[str, str, bool, float]]:
    outage = told["spans"][OUTAGE][0]
    absence = told["spans"][ABSENCE][0]
    return [
        ("switchover, write outage", "s", False, outage),
        ("switchover, write outage / PostgreSQL's absence", "", False, outage / absence),
    ]


PARTS: Mapping[str, tuple[tuple[str, ...], Read]] = {
    "notify": (("bench", "notify", "--runs", "100"), _notify),
    "throughput": (("bench", "throughput", "--turns", "4"), _throughput),
    "idle": (("bench", "idle", "--seconds", "30"), _idle),
    "switchover": (("drill", "switchover"), _switchover),
}


def measure(
    old: Run, new: Run, parts: Sequence[str], turns: int, tell: Callable[[str], None]
) -> tuple[list[Figure], dict[str, str]]:
    """Measures each part in both commits, turn by turn. Which commit is first alternates.

    Returns the figures, and the versions of the programs.
    """
    values: dict[tuple[str, str, bool], dict[str, list[float]]] = {}
    versions: dict[str, str] = {}
    for turn in range(turns):
        for part in parts:
            words, read = PARTS[part]
            order = ((OLD, old), (NEW, new)) if turn % 2 == 0 else ((NEW, new), (OLD, old))
            for which, lab in order:
                told = lab(words)
                versions = told["versions"]
                for name, unit, higher, value in read(told):
                    by_commit = values.setdefault((name, unit, higher), {OLD: [], NEW: []})
                    by_commit[which].append(value)
                    tell(f"turn {turn + 1}, {which}: {name}: {value:.3g} {unit}")
    figures = [Figure(*key, tuple(found[OLD]), tuple(found[NEW])) for key, found in values.items()]
    return figures, versions


def judge(figures: Sequence[Figure]) -> list[Finding]:
    """Returns the verdict. Pure."""
    return [_finding(figure) for figure in figures]


def _finding(figure: Figure) -> Finding:
    bar = 1 / WORSE if figure.higher else WORSE
    good = figure.ratio >= bar if figure.higher else figure.ratio <= bar
    detail = f"median {median(figure.old):.3g} -> {median(figure.new):.3g} {figure.unit}".strip()
    return Finding(f"{figure.name}, new / old", good, f"{figure.ratio:.2f}", f"{bar:.2f}", detail)


def refuse_a_third_lab(running: Iterable[str]) -> None:
    """Raises LabError if this lab runs: it would take CPU from the two that are measured. running:
    the names of its nodes that run.
    """
    names = ", ".join(running)
    if names:
        raise LabError(f"{names} of this lab would disturb the measurement: lab down")


@contextlib.contextmanager
def lab_of(checkout: Path, name: str) -> Iterator[Run]:
    """Starts the lab of a checkout under a name of its own (PAF_LAB), yields a function that runs
    its commands, and takes the lab down. Raises LabError if the checkout has no command lab.
    """
    program = checkout / ".venv" / "bin" / "lab"
    if not program.exists():
        raise LabError(f"{program} does not exist: run `make -C {checkout} setup`")
    env = {**os.environ, "PAF_LAB": name}

    def measured(words: Sequence[str]) -> Any:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "figures.json"
            # Exit code 1 is the commit's own verdict. Here only its figures count.
            done = run(
                [str(program), *words, "--json", str(file)], timeout=MOST, env=env, check=False
            )
            if not file.exists():
                why = (done.stderr or done.stdout)[-400:]
                raise LabError(f"{program} {' '.join(words)} wrote no figures: {why}")
            return json.loads(file.read_text())

    try:
        run([str(program), "up"], timeout=MOST, env=env)
        yield measured
    finally:
        run([str(program), "down"], timeout=MOST, env=env)


def as_json(figures: Sequence[Figure], commits: Mapping[str, str]) -> dict[str, Any]:
    """Returns the figures of each turn. Pure."""
    return {
        "commits": dict(commits),
        "figures": [{**vars(each), "ratio": each.ratio} for each in figures],
    }
