"""What the agent does when HAProxy has written a note, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from paf_haproxy import crash, missed_change, parameters_file
from paf_haproxy.actions.report import report
from paf_haproxy.context import Context, Notice
from paf_haproxy.params import Params, parse


def perform(directory: Path, monkeypatch: pytest.MonkeyPatch, missed: bool) -> list[str]:
    """Returns the names of the checks that ran. missed: whether the note is of a missed change."""
    course: list[str] = []

    def look_for_crash(context: Context, params: Params) -> None:
        assert (context.node, params.statedir) == ("srv1", str(directory))
        course.append("crash")

    def look_for_change(params: Params) -> bool:
        assert params.statedir == str(directory)
        course.append("change")
        return missed

    monkeypatch.setattr(crash, "report", look_for_crash)
    monkeypatch.setattr(missed_change, "follow", look_for_change)
    raw = {"statedir": str(directory)}
    assert report(Context("report", "srv1", raw, Notice(""))) == 0
    return course


@pytest.fixture
def in_use(tmp_path: Path) -> Path:
    Path(parameters_file.path(str(tmp_path))).write_text('{"maxconn": "300"}')
    return tmp_path


def test_a_crash_comes_first(in_use: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert perform(in_use, monkeypatch, missed=False) == ["crash", "change"]


def test_a_crash_may_come_meanwhile(in_use: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd does not start the agent again while it runs."""
    assert perform(in_use, monkeypatch, missed=True) == ["crash", "change", "crash"]


def test_without_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert perform(tmp_path, monkeypatch, missed=True) == []


@pytest.mark.parametrize("text", ["", "{}x", "[]", '{"maxconn": "many"}'])
def test_parameters_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    Path(parameters_file.path(str(tmp_path))).write_text(text)
    assert parameters_file.read(str(tmp_path)) is None


def test_the_parameters_in_use(in_use: Path) -> None:
    """The state directory is where they were found, whatever they say."""
    found = parameters_file.read(str(in_use))
    expected = parse({"maxconn": "300", "statedir": str(in_use)})
    assert found and found.values == expected.values
