"""What a file of figures says of its measurement."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime
from pathlib import Path

import click
import pytest

from paf_lab import provenance
from paf_lab.bench import cli
from paf_lab.drill.audits import Finding
from paf_lab.errors import LabError

MEASURED = {"date": "2026-01-02T03:04:05+00:00", "commit": "1234567", "cpus": 2, "load": 0.5}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("lib/agent.py", "docs/page.md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "first")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(("changed", "mark"), [("docs/page.md", ""), ("lib/agent.py", "+")])
def test_a_commit_has_a_mark_if_the_agent_was_changed_since(
    checkout: Path, changed: str, mark: str
) -> None:
    clean = provenance.commit(checkout)
    assert len(clean) >= 7 and "+" not in clean
    (checkout / changed).write_text("changed")
    assert provenance.commit(checkout) == clean + mark


def test_no_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError):
        provenance.commit(tmp_path)
    monkeypatch.setattr(provenance, "REPO", tmp_path)
    assert provenance.stamp()["commit"] == ""


def test_the_stamp(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "REPO", checkout)
    stamp = provenance.stamp()
    assert stamp["commit"] == provenance.commit(checkout)
    assert datetime.fromisoformat(stamp["date"]).tzinfo is not None
    assert stamp["cpus"] >= 1 and stamp["load"] >= 0


def test_a_bench_writes_what_was_there_when_it_began(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    with click.Context(cli.bench, obj=MEASURED), pytest.raises(SystemExit):
        cli.end("idle", [Finding("a", True, "1", "2")], {"more": 3}, {"haproxy": "2.6"}, file)
    found = json.loads(file.read_text())
    assert {key: found[key] for key in MEASURED} == MEASURED
    assert (found["bench"], found["more"]) == ("idle", 3)
