"""The subjects of commits are short: docs/style.md."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools import ROOT

MOST = 72  # characters
WITHOUT_TAG = 5
"""Commits that are looked at if there is no tag."""


def git(tree: Path, *words: str) -> str | None:
    """Returns what git prints in a checkout, or None if it fails."""
    if shutil.which("git") is None:
        return None
    # A hook that runs the tests sets GIT_DIR and more, for its own repository.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(tree), *words], capture_output=True, text=True, check=False, env=environ
    )
    return done.stdout.strip() if done.returncode == 0 else None


def subjects(tree: Path) -> list[str] | None:
    """Returns the subjects of the commits since the last tag, or of the last ones if there is no
    tag; without merges. None if this is no checkout, or one without its history.
    """
    top = git(tree, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != tree.resolve():
        return None
    if git(tree, "rev-parse", "--is-shallow-repository") != "false":
        return None
    tag = git(tree, "describe", "--tags", "--abbrev=0")
    which = [f"-{WITHOUT_TAG}", "HEAD"] if tag is None else [f"{tag}..HEAD"]
    found = git(tree, "log", "--no-merges", "--format=%s", *which)
    return None if found is None else found.splitlines()


def test_a_subject_is_short() -> None:
    found = subjects(ROOT)
    if found is None:
        pytest.skip("no git repository with its history")
    assert [subject for subject in found if len(subject) > MOST] == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of seven commits, numbered from 0."""
    if shutil.which("git") is None:
        pytest.skip("no git")
    tree = tmp_path / "repository"
    tree.mkdir()
    made(tree, "init", "-q", "-b", "main")
    for number in range(7):
        commit(tree, str(number))
    return tree


def made(tree: Path, *words: str) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
    assert git(tree, *who, *words) is not None, words


def commit(tree: Path, subject: str) -> None:
    made(tree, "commit", "-q", "--allow-empty", "-m", f"{subject}\n\nA reason.")


def test_without_a_tag_the_last_commits_count(repository: Path) -> None:
    assert subjects(repository) == ["6", "5", "4", "3", "2"]


def test_commits_since_the_last_tag_count(repository: Path) -> None:
    made(repository, "tag", "v1")
    assert subjects(repository) == []
    for number in range(7, 15):
        commit(repository, str(number))
    assert subjects(repository) == [str(number) for number in range(14, 6, -1)]


def test_merges_do_not_count(repository: Path) -> None:
    made(repository, "tag", "v1")
    made(repository, "checkout", "-q", "-b", "other")
    commit(repository, "other")
    made(repository, "checkout", "-q", "main")
    made(repository, "merge", "-q", "--no-ff", "-m", "x" * 100, "other")
    assert subjects(repository) == ["other"]


def test_a_tree_without_history_is_not_judged(repository: Path, tmp_path: Path) -> None:
    """An unpacked archive, one inside another repository, a new repository, a shallow clone."""
    assert subjects(tmp_path) is None
    (repository / "archive").mkdir()
    assert subjects(repository / "archive") is None
    empty = tmp_path / "empty"
    empty.mkdir()
    made(empty, "init", "-q")
    assert subjects(empty) is None
    made(tmp_path, "clone", "-q", "--depth=1", f"file://{repository}", "shallow")
    assert subjects(tmp_path / "shallow") is None
