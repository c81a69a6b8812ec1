"""What takes the agent's place in the drills of lost and hanging notifications."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from paf_lab.drill.faults.notify import LOST, WRAPPER


def test_a_notification_is_counted_and_lost(tmp_path: Path) -> None:
    touched, real = tmp_path / "touched", tmp_path / "real"
    real.write_text("#!/bin/sh\necho the agent: $*\n")
    real.chmod(0o755)
    text = WRAPPER.format(touched=touched, notify=LOST, real=real)
    words = [sys.executable, "-c", text]
    for _ in range(2):
        assert subprocess.run([*words, "notify"], capture_output=True, check=True).stdout == b""
    assert touched.read_text().splitlines() == ["notify", "notify"]
    done = subprocess.run([*words, "monitor"], capture_output=True, check=True, text=True)
    assert done.stdout == "the agent: monitor\n"
    assert len(touched.read_text().splitlines()) == 2
