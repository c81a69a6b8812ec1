#!/usr/bin/python3
"""make.py WHAT: one of parameters, man (the agent's man page), drills, blast (mistakes and local
faults), alarms (what is reported as a crash), drivers (what clients see), rest (port 8008), picture
(of a switchover), growth (more nodes), compared (README's table of the comparison).

make.py failures [DIRECTORY]: writes the tables in the pages of docs/failures, or of a copy of them.
make.py readme: writes the figures in README.md. make.py noise: writes the table in docs/quiet.md.

Parameters are made from what the agent itself reads (lib/paf_haproxy), drills and picture from the
reports that `lab drill --all` wrote, the rest from those of `lab grow` and `lab compare`, so that
they cannot be wrong.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import jinja2

DOCS = Path(__file__).resolve().parent
RESULTS = DOCS.parent / "results"
TEMPLATES = {
    "parameters": "parameters.md.j2",
    "man": "ocf_paf_haproxy.7.j2",
    "drills": "drills.md.j2",
    "blast": "blast.md.j2",
    "alarms": "alarms.md.j2",
    "drivers": "drivers.md.j2",
    "rest": "rest.md.j2",
    "growth": "growth.md.j2",
    "measured": "measured.md.j2",
    "figures": "figures.md.j2",
}
sys.path.insert(0, str(DOCS.parent / "lib"))
sys.path.append(str(DOCS.parent))

import blast  # noqa: E402
import compared  # noqa: E402
import drills  # noqa: E402
import drivers  # noqa: E402
import failures  # noqa: E402
import measured  # noqa: E402
import noise  # noqa: E402
from paf_haproxy import __version__, metadata, params, values  # noqa: E402


def troff(text: str) -> str:
    """Escapes what troff would take for its own."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def render(what: str) -> str:
    """Returns one of the documents."""
    environment = jinja2.Environment(  # noqa: S701 - no HTML
        loader=jinja2.FileSystemLoader(DOCS / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["troff"] = troff
    template = environment.get_template(TEMPLATES[what])
    if what == "drills":
        return template.render(**drilled())
    if what == "blast":
        return template.render(**blasted())
    if what == "alarms":
        report = RESULTS / "false-alarms.json"
        return template.render(**json.loads(report.read_text()))
    if what == "drivers":
        report = RESULTS / "drivers.json"
        return template.render(**drivers.page(json.loads(report.read_text())))
    if what in ("measured", "figures"):
        changed = measured.changed_since(DOCS.parent)
        return template.render(results=measured.Results(RESULTS, changed))
    if what == "rest":
        from tests.tools import rest_paths as rest  # a package that is built has no tests

        paths = {"checks": rest.CHECKS, "ours": rest.OURS, "documents": rest.DOCUMENTS}
        return template.render(**paths, version=rest.PATRONI)
    if what == "growth":
        return template.render(**json.loads((RESULTS / "growth.json").read_text()))
    return template.render(
        version=__version__,
        long=metadata.LONG,
        parameters=params.PARAMETERS,
        actions=metadata.ACTIONS,
        fixed=metadata.FIXED,
        longest=values.LONGEST,
    )


def picture() -> str:
    """Returns the picture of the switchover in the report of the drills, as SVG."""
    from paf_lab.drill import html, picture

    text = next((RESULTS / "drills").glob("*.html")).read_text()
    found = re.search(r'<h2 id="run-(\d+)">switchover ', text)
    if found is None:
        raise SystemExit("the report has no run of switchover")
    return picture.svg(html.figures_of(text)[int(found[1]) - 1]) + "\n"


def blasted() -> dict[str, Any]:
    """Returns what the page of mistakes and local faults shows."""
    before = RESULTS / "blast-before.json"
    report = json.loads((RESULTS / "blast.json").read_text())
    return blast.page(report, json.loads(before.read_text()) if before.exists() else None)


def published() -> dict[str, Any]:
    """Returns the published reports of all drills, by the name of their file."""
    files = sorted((RESULTS / "drills").glob("*.json"))
    return {file.name: json.loads(file.read_text()) for file in files}


def write_failures(directory: Path) -> None:
    """Writes the tables in the pages of a directory."""
    reports = list(published().values())
    for page in sorted(directory.glob("*.md")):
        page.write_text(failures.written(page.read_text(), reports))


def quiet(text: str) -> str:
    """Returns docs/quiet.md with the table of results/noise.json."""
    results = measured.Results(RESULTS, measured.changed_since(DOCS.parent))
    return noise.written(text, noise.table(results.report("noise"), results.when("noise")))


def drilled() -> dict[str, Any]:
    """Returns what the page of the drills shows."""
    found = published()
    reports = list(found.values())
    return {
        "reports": [
            {
                "file": name,
                "seed": report["seed"],
                "commit": report.get("commit", ""),
                "began": time.strftime("%F %R UTC", time.gmtime(report["runs"][0]["started"])),
                "passed": sum(run["passed"] for run in report["runs"]),
                "drills": len(report["runs"]),
            }
            for name, report in found.items()
        ],
        "rows": drills.table(reports),
        "versions": reports[-1]["versions"],
        "page": next((RESULTS / "drills").glob("*.html")).name,
    }


def document(what: str) -> str:
    """Returns what is asked for."""
    if what == "picture":
        return picture()
    if what == "compared":
        return compared.table(json.loads((RESULTS / "compared.json").read_text()))
    return render(what)


if __name__ == "__main__":
    known = (*TEMPLATES, "picture", "compared")
    if sys.argv[1:2] == ["failures"] and len(sys.argv) <= 3:
        write_failures(Path(sys.argv[2]) if sys.argv[2:] else DOCS / "failures")
        sys.exit()
    if sys.argv[1:] == ["readme"]:
        readme = DOCS.parent / "README.md"
        readme.write_text(measured.written(readme.read_text(), render("figures")))
        sys.exit()
    if sys.argv[1:] == ["noise"]:
        page = DOCS / "quiet.md"
        page.write_text(quiet(page.read_text()))
        sys.exit()
    if len(sys.argv) != 2 or sys.argv[1] not in known:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(known)} | failures [DIRECTORY] | readme | noise")
    sys.stdout.write(document(sys.argv[1]))
