"""How the cost of routing grows with the number of nodes: the lab with more of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from ..access import SESSION
from ..display import FittedTable
from ..drill import audits
from ..drill.cli import FILE, console
from ..drill.figures import median, percentile
from ..errors import LabError
from ..layout import REPO
from ..provenance import stamp
from .picture import check

WITHIN = 1800.0  # s for one command


@dataclass(frozen=True)
class Size:
    """What was measured with a number of nodes."""

    nodes: int
    route_delay: float
    """p95, s from the new primary's end of recovery until a HAProxy led to it."""
    ratio: float
    """Median of write outage / PostgreSQL's absence."""
    failed: int
    """New connections that failed, and writes that were misrouted, in all switchovers."""
    notify: float
    """Median of a notify, whole process, s."""
    questions: float
    """Questions for the role per s, mean of all nodes: of each by all others."""
    cpu: float
    """CPU s per hour of a node at rest, all its processes, mean of all nodes."""
    troubles: tuple[str, ...] = ()
    """Of each switchover after which the cluster was not whole: what it lacked."""


def size(
    nodes: int, drill: Mapping[str, Any], notify: Mapping[str, Any], rest: Mapping[str, Any]
) -> Size:
    """Returns the figures out of what `lab drill switchover`, `lab bench notify` and `lab bench
    rest` wrote as JSON. Pure.
    """
    changes = [run["change"] for run in drill["runs"] if "change" in run]
    delays = [delay for each in changes for delay in each["route_delay"].values()]
    bad = ("refused", "failed", "unknown", "misrouted")
    # The write that was under way in a session when the old primary stopped is nobody's failure.
    outcomes = [
        {**found, "unknown": 0} if kind == SESSION else found
        for run in drill["runs"]
        for kind, found in run["outcomes"].items()
    ]
    found = rest["nodes"]
    return Size(
        nodes=nodes,
        route_delay=percentile([float("inf") if each is None else each for each in delays], 0.95),
        ratio=median([each["ratio"] for each in changes if each["ratio"] is not None]),
        failed=sum(each.get(name, 0) for each in outcomes for name in bad),
        notify=notify["notify_ms"]["median"] / 1000,
        questions=sum(each["questions"] for each in found) / len(found),
        cpu=sum(each["cpu"] for each in found) / len(found),
        troubles=tuple(
            each["value"]
            for run in drill["runs"]
            for each in run["findings"]
            if each["name"] == audits.WHOLE and not each["passed"]
        ),
    )


@click.command()
@click.option("--nodes", default="3,5,7", show_default=True, help="Sizes, joined by commas.")
@click.option("--repeat", default=5, type=click.IntRange(min=1), show_default=True)
@click.option("--json", "json_file", type=FILE, help="Write the figures here.")
@click.option("--picture", type=FILE, help="Plot them here, as PNG.")
def grow(nodes: str, repeat: int, json_file: Path | None, picture: Path | None) -> None:
    """Measures the lab with more nodes. It is taken down and built up for each number of them."""
    if picture is not None:
        check()
    found, measured = [], stamp()
    for number in nodes.split(","):
        if not number.isdecimal():
            raise click.UsageError(f"--nodes: {number} is no number")
        with tempfile.TemporaryDirectory(prefix="paf-grow-") as directory:
            found.append(_measure(int(number), repeat, Path(directory)))
        if json_file is not None:
            sizes = [asdict(each) for each in found]
            text = json.dumps({**measured, "repeat": repeat, "sizes": sizes}, indent=1)
            json_file.write_text(text + "\n")
    console.print(table(found))
    if picture is not None:
        plot(found, picture)
    sys.exit(1 if any(each.failed for each in found) else 0)


def table(found: Sequence[Size]) -> FittedTable:
    """Returns a line for each number of nodes. Pure."""
    heads = ("nodes", "route p95", "ratio", "failed", "notify", "questions/s", "CPU s/h")
    rows = [
        (
            str(each.nodes), f"{each.route_delay * 1000:.0f} ms", f"{each.ratio:.2f}",
            str(each.failed), f"{each.notify * 1000:.1f} ms", f"{each.questions:.1f}",
            f"{each.cpu:.0f}",
        )
        for each in found
    ]  # fmt: skip
    return FittedTable(heads, rows)


def _measure(nodes: int, repeat: int, directory: Path) -> Size:
    reports = {name: directory / f"{name}.json" for name in ("drill", "notify", "rest")}
    _lab(nodes, "down")
    try:
        _lab(nodes, "up")
        _lab(nodes, "bench", "rest", "--json", str(reports["rest"]))
        _lab(nodes, "bench", "notify", "--json", str(reports["notify"]))
        words = ("drill", "switchover", "--repeat", str(repeat), "--json", str(reports["drill"]))
        _lab(nodes, *words)
        told = {name: json.loads(path.read_text()) for name, path in reports.items()}
    except FileNotFoundError as error:
        raise LabError(f"{nodes} nodes: nothing was measured: {error}") from error
    finally:
        _lab(nodes, "down")
    return size(nodes, told["drill"], told["notify"], told["rest"])


def _lab(nodes: int, *words: str) -> None:
    """Runs a command of the lab's with so many nodes. What it says is shown; a bar that it misses
    on a machine that bears no more nodes is not the end.
    """
    console.print(f"PAF_NODES={nodes} lab {' '.join(words)}", markup=False)
    environ = {**os.environ, "PAF_NODES": str(nodes)}
    command = [sys.executable, "-m", "paf_lab", *words]
    done = subprocess.run(command, cwd=REPO, env=environ, timeout=WITHIN, check=False)
    if done.returncode and words[0] in ("up", "down"):
        raise LabError(f"lab {' '.join(words)} with {nodes} nodes ended with {done.returncode}")


def plot(found: Sequence[Size], file: Path) -> None:
    """Draws each figure over the number of nodes."""
    import matplotlib as mpl  # 1 s, and of no use to other commands

    mpl.use("Agg")
    from matplotlib import pyplot

    nodes = [each.nodes for each in found]
    shown = {
        "until a HAProxy leads to the new primary, p95, ms": [f.route_delay * 1000 for f in found],
        "a notify, ms": [f.notify * 1000 for f in found],
        "questions a node is asked, per s": [f.questions for f in found],
        "CPU of a node at rest, s per hour": [f.cpu for f in found],
    }
    figure, axes = pyplot.subplots(1, len(shown), figsize=(3.2 * len(shown), 2.8))
    for axis, (title, values) in zip(axes, shown.items()):
        axis.plot(nodes, values, marker="o")
        axis.set_title(title, fontsize=8)
        axis.set_xticks(nodes)
        axis.set_xlabel("nodes", fontsize=8)
        axis.set_ylim(bottom=0)
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
