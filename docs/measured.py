"""The figures of docs/measured.md and of README.md, taken from results/: none is typed in."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from drills import count

AGENT = ("agents", "haproxy", "lib", "pcs-scripts", ":!lib/paf_haproxy/cli")
"""What Pacemaker and HAProxy run: a figure is of an earlier agent if any of it has changed since.
The command paf-haproxy is no part of it.
"""
WITH_COMMAND = ("switchover-command", "dirty")
"""What was measured with the command."""
PART = re.compile(r"^<!-- figures -->\n.*?^<!-- end -->$", re.MULTILINE | re.DOTALL)

Report = Mapping[str, Any]


class Results:
    """The files of results/, by their name without ".json". changed: whether any of some files has
    changed since a commit.
    """

    def __init__(self, directory: Path, changed: Callable[[str, Sequence[str]], bool]) -> None:
        self._directory = directory
        self._changed = changed
        self._read: dict[str, Report] = {}

    def report(self, name: str) -> Report:
        """Returns what a command wrote."""
        if name not in self._read:
            self._read[name] = json.loads((self._directory / f"{name}.json").read_text())
        return self._read[name]

    def when(self, name: str) -> str:
        """Returns commit and day, and whether the agent has changed since."""
        report = self.report(name)
        commits = report.get("commits", {})
        commit = report.get("commit") or commits.get("new", "")
        told = f"{commit} beside {commits['old']}" if commits else commit or "commit not recorded"
        from paf_lab import provenance  # a package that is built has no lab

        files = provenance.AGENT if name in WITH_COMMAND else AGENT
        earlier = ", earlier agent" if not commit or self._changed(commit, files) else ""
        return f"{told}, {report['date'][:10]}{earlier}"

    def repeated(self, name: str) -> str:
        """Returns the command of a drill that was run several times."""
        return f"lab drill {name} --repeat {len(self.runs(name))}"

    def runs(self, name: str) -> list[Report]:
        """Returns the runs of a drill."""
        found: list[Report] = self.report(name)["runs"]
        return found

    def total(self, name: str, finding: str) -> str:
        """Returns a count over all runs of a drill: "0 of 4656"."""
        counts = [count(run, finding) for run in self.runs(name)]
        return f"{sum(each for each, _ in counts)} of {sum(among for _, among in counts)}"

    def _one(self, name: str, finding: str) -> Report:
        """Returns a finding: of all runs, or of the only run."""
        report = self.report(name)
        runs = report.get("runs", [])
        single = runs[0]["findings"] if isinstance(runs, list) and len(runs) == 1 else []
        for each in (*report.get("findings", ()), *single):
            if each["name"] == finding:
                return dict(each)
        raise ValueError(f"results/{name}.json has no finding {finding!r}")

    def value(self, name: str, finding: str) -> str:
        """Returns what a finding says: "median 1.31, worst 1.33"."""
        found = self._one(name, finding)
        return str(found["value"]) + ("" if found["passed"] else " (**limit not met**)")

    def limit(self, name: str, finding: str) -> str:
        """Returns the limit of a finding, also of one that each run has."""
        runs = self.report(name).get("runs", [])
        if isinstance(runs, list):
            for each in (found for run in runs for found in run["findings"]):
                if each["name"] == finding:
                    return str(each["bar"])
        return str(self._one(name, finding)["bar"])

    def detail(self, name: str, finding: str) -> str:
        """Returns the detail of a finding."""
        return str(self._one(name, finding)["detail"])

    def most(self, name: str, finding: str) -> str:
        """Returns the largest number that a finding has in a run."""
        found = (each for run in self.runs(name) for each in run["findings"])
        return str(max(int(each["value"]) for each in found if each["name"] == finding))

    def driver_errors(self) -> str:
        """Returns the errors of sessions of client drivers through PgBouncer in a switchover."""
        rows = self._driver_rows("switchover")
        errors = [row["errors"] for row in rows if row["route"] != "direct" and row["settings"]]
        if not errors:
            raise ValueError("results/drivers.json has no session through PgBouncer")
        return str(sum(errors))

    def driver_losses(self) -> str:
        """Returns the acknowledged transactions of client drivers that were lost."""
        rows = self._driver_rows("")
        lost = sum(row["lost"] for row in rows)
        return f"{lost} of {sum(row['acknowledged'] for row in rows)}"

    def _driver_rows(self, event: str) -> list[Report]:
        events = self.report("drivers")["events"]
        return [row for each in events if event in ("", each["event"]) for row in each["rows"]]

    def spread(self, name: str, finding: str) -> str:
        """Returns median and worst of a time that each run of a drill has, in s."""
        values = [
            float(each["value"].split()[0])
            for run in self.runs(name)
            for each in run["findings"]
            if each["name"] == finding
        ]
        return f"median {statistics.median(values):.2f} s, worst {max(values):.2f} s"


def changed_since(repository: Path) -> Callable[[str, Sequence[str]], bool]:
    """Returns a function that tells whether any of some files has changed since a commit. Of an
    unknown commit it says so, too.
    """

    def changed(commit: str, files: Sequence[str]) -> bool:
        if commit.endswith("+"):
            return True
        words = ("git", "-C", str(repository), "diff", "--quiet", commit, "--", *files)
        return subprocess.run(words, capture_output=True, check=False).returncode != 0

    return changed


def written(text: str, figures: str) -> str:
    """Returns README.md with its figures. Raises ValueError if it has no place for them."""
    if len(PART.findall(text)) != 1:
        raise ValueError("README.md needs one <!-- figures --> with an <!-- end -->")
    return PART.sub(lambda _: f"<!-- figures -->\n\n{figures}\n<!-- end -->", text)
