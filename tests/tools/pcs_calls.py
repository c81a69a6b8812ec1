"""Runs numbered scripts of pcs-scripts/ with a pcs that only writes down what it is told."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import ROOT

SCRIPTS = ROOT / "pcs-scripts"
PCS = """#!/bin/bash
if [ "$1 $2" = "cluster cib" ]; then touch "$3"; fi
{ printf '%s\\x1f' "$@"; echo; } >>"$CALLS"
"""
CIBADMIN = """#!/bin/bash
[ "$1 $2" = "--query --xpath" ] && grep -qxF -e "$3" "$PRESENT"
"""


@dataclass(frozen=True)
class Outcome:
    """calls: the words of each call of pcs that changes something, without -f FILE."""

    code: int
    err: str
    calls: list[list[str]]


def run(
    *scripts: str,
    place: Path,
    environ: Mapping[str, str] | None = None,
    present: Iterable[str] = (),
) -> Outcome:
    """Runs scripts one after another, up to the first that fails, such as '30-fencing' or
    '80-add-node srv4'.

    place: a directory of the caller's own. present: the XPaths that the CIB has something for.
    """
    for name, text in (("pcs", PCS), ("cibadmin", CIBADMIN)):
        stand_in = place / "bin" / name
        stand_in.parent.mkdir(exist_ok=True)
        stand_in.write_text(text)
        stand_in.chmod(0o755)
    calls = place / "calls"
    calls.write_text("")
    (place / "present").write_text("".join(f"{xpath}\n" for xpath in present))
    variables = {
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "CALLS": str(calls),
        "PRESENT": str(place / "present"),
        **(environ or {}),
    }
    done = None
    for script in scripts:
        name, *words = script.split()
        done = subprocess.run(
            ["bash", str(SCRIPTS / f"{name}.sh"), *words],
            env=variables, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if done.returncode:
            break
    assert done, "no script was named"
    lines = [line.split("\x1f")[:-1] for line in calls.read_text().splitlines()]
    changes = [words[2:] if words[0] == "-f" else words for words in lines]
    return Outcome(done.returncode, done.stderr, [each for each in changes if each[0] != "cluster"])
