"""docs/measured.md and README.md have the figures of results/, and say if they are old or bad."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paf_lab import provenance
from paf_lab.layout import REPO

sys.path.insert(0, str(REPO / "docs"))
make = importlib.import_module("make")
measured = importlib.import_module("measured")


def finding(name: str, value: str, passed: bool = True) -> dict[str, Any]:
    return {"name": name, "value": value, "bar": "3", "passed": passed, "detail": "of 2"}


@pytest.fixture
def results(tmp_path: Path) -> Any:
    """One bench, which failed, and one drill with two runs."""
    bad = finding("a", "4", passed=False)
    bench = {"date": "2026-01-02T03:04:05", "commit": "1234567", "findings": [bad]}
    runs = [{"drill": "d", "findings": [finding("lost", f"{n} of 5")]} for n in (1, 2)]
    times = [{"drill": "d", "findings": [finding("time", f"{n:.2f} s")]} for n in (1, 4)]
    files = {
        "bench": bench,
        "drill": {"date": "2026-01-03T03:04:05", "runs": runs},
        "times": {"date": "2026-01-03T03:04:05", "runs": times},
        "beside": {"date": "2026-01-04T00:00:00", "commits": {"old": "aaa", "new": "1234567"}},
    }
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return measured.Results(tmp_path, lambda commit, _: commit != "1234567")


def without_history() -> bool:
    words = ("git", "-C", str(REPO), "rev-parse", "--is-shallow-repository")
    return subprocess.run(words, capture_output=True, text=True).stdout.strip() != "false"


history = pytest.mark.skipif(without_history(), reason="this tree has no history")


@history
def test_the_page_is_what_was_measured_and_says_if_the_agent_has_changed_since() -> None:
    assert (REPO / "docs" / "measured.md").read_text() == make.render("measured"), "make docs"


@history
def test_the_figures_of_the_readme_are_what_was_measured() -> None:
    text = (REPO / "README.md").read_text()
    assert text == measured.written(text, make.render("figures")), "make docs"


def test_a_readme_without_a_place() -> None:
    with pytest.raises(ValueError, match="needs one"):
        measured.written("# Title\n", "| a |\n")


def test_when(results: Any) -> None:
    assert results.when("bench") == "1234567, 2026-01-02"
    assert results.when("drill") == "commit not recorded, 2026-01-03, earlier agent"
    assert results.when("beside") == "1234567 beside aaa, 2026-01-04"
    results._changed = lambda *_: True
    assert results.when("bench") == "1234567, 2026-01-02, earlier agent"


def test_figures(results: Any) -> None:
    assert results.value("bench", "a") == "4 (**limit not met**)"
    assert (results.limit("bench", "a"), results.detail("bench", "a")) == ("3", "of 2")
    assert (results.total("drill", "lost"), results.limit("drill", "lost")) == ("3 of 10", "3")
    assert results.spread("times", "time") == "median 2.50 s, worst 4.00 s"


@pytest.mark.parametrize("name", ["bench", "drill"])
def test_a_finding_that_is_not_there(results: Any, name: str) -> None:
    with pytest.raises(ValueError, match="no finding 'x'"):
        results.value(name, "x")


def test_a_commit_since_which_the_agent_has_changed(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        command = ["git", "-C", str(tmp_path), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "agent.py").write_text("1")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    commit = git("rev-parse", "--short", "HEAD")
    changed = measured.changed_since(tmp_path)
    agent, other = measured.AGENT, ("docs",)
    assert not changed(commit, agent)
    assert changed(f"{commit}+", agent) and changed("0000000", agent)
    command = tmp_path / "lib" / "paf_haproxy" / "cli" / "main.py"
    command.parent.mkdir(parents=True)
    command.write_text("1")
    git("add", ".")
    assert not changed(commit, agent) and changed(commit, provenance.AGENT)
    (tmp_path / "lib" / "agent.py").write_text("2")
    assert changed(commit, agent) and not changed(commit, other)


def test_the_command_is_part_of_what_was_measured_with_it(tmp_path: Path) -> None:
    for name in ("dirty", "idle"):
        text = json.dumps({"date": "2026-01-02T03:04:05", "commit": "1234567"})
        (tmp_path / f"{name}.json").write_text(text)
    results = measured.Results(tmp_path, lambda _, files: "bin" in files)
    assert results.when("dirty").endswith("earlier agent")
    assert not results.when("idle").endswith("earlier agent")
