"""The power switch's log is what fencings are counted from."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from paf_lab import power

LOG = """\
2026-11-23T03:47:06.092056+00:00 reboot srv3
2026-11-23T03:47:06.192200+00:00 reboot srv3: off
2026-11-23T03:47:40.000000+00:00 reboot srv1
2026-11-23T03:47:40.200000+00:00 reboot srv1: error out of order
2026-11-23T03:48:00.000000+00:00 off srv2
2026-11-23T03:48:00.100000+00:00 off srv2: off
"""


def test_what_was_carried_out_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "LOG", tmp_path / "power.log")
    assert power.fencings(0) == []
    power.LOG.write_text(LOG)
    assert power.fencings(0) == ["srv3", "srv2"]
    since = datetime(2026, 11, 23, 3, 47, 30, tzinfo=timezone.utc).timestamp()
    assert power.fencings(since) == ["srv2"]


def test_what_was_refused_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "LOG", tmp_path / "power.log")
    assert power.refusals(0) == []
    refused = f"2026-11-23T03:49:00.000000+00:00 reboot srv2: error {power.REFUSED}\n"
    power.LOG.write_text(LOG + refused)
    assert power.refusals(0) == ["srv2"]
    since = datetime(2026, 11, 23, 3, 50, tzinfo=timezone.utc).timestamp()
    assert power.refusals(since) == []
