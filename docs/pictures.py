#!/usr/bin/python3
"""pictures.py: draws docs/pictures anew: `paf-haproxy status --watch` with the cluster of the tests
in a switchover, and the timeline of the switchover in the published report of the drills.

Needs the packages of `make setup-test`, and the program chromium.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.screen import Screen
from rich.terminal_theme import MONOKAI

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "pictures"
sys.path.insert(0, str(DOCS.parent / "lib"))
sys.path.append(str(DOCS.parent))

FONTS = re.compile(r" *@font-face \{.*?\}\n*", re.DOTALL)
"""rich's SVG would load fonts from the network."""
COLUMNS, LINES = 80, 24
WIDTH, ABOVE = 1200, 120  # px: the page, and its title
DRILL = "switchover"


def status_watch() -> str:
    """Returns the view as SVG."""
    from paf_haproxy.cli.screen import screen

    from tests.unit.cli_world import well
    from tests.unit.test_watching import switched, watched

    os.environ["TZ"] = "UTC"
    time.tzset()
    console = Console(
        record=True, width=COLUMNS, height=LINES, file=io.StringIO(), force_terminal=True,
        color_system="truecolor",
    )  # fmt: skip
    console.print(Screen(screen(console, watched(well(), switched()))))
    title = "paf-haproxy status --watch"
    return FONTS.sub("", console.export_svg(title=title, theme=MONOKAI, unique_id="watch"))


def one_run(page: str, number: int) -> str:
    """Returns the page of the drills with one of them only, and without its tables."""
    start = page.index(f'<h2 id="run-{number}">')
    block = page[start : page.index("<table>", start)]
    scripts = page[page.index('<script type="application/gzip"') :]
    return page[: page.index("<h1>")] + block + scripts


def report() -> None:
    """Writes the picture of a timeline."""
    from paf_lab.drill import html

    page = (DOCS.parent / "results" / "drills" / "report.html").read_text()
    found = re.search(rf'<h2 id="run-(\d+)">{DRILL} ', page)
    if found is None:
        raise SystemExit(f"the report has no run of {DRILL}")
    height = html.figures_of(page)[int(found[1]) - 1]["layout"]["height"] + ABOVE
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "page.html"
        file.write_text(one_run(page, int(found[1])))
        command = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars"]
        command += [f"--window-size={WIDTH},{height}", "--virtual-time-budget=10000"]
        command += [f"--screenshot={PICTURES / 'report.png'}", file.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    (PICTURES / "status-watch.svg").write_text(status_watch())
    report()
