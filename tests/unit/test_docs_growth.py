"""The page on more nodes says what `lab grow` measured."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from paf_lab.compare.growth import Size
from paf_lab.layout import REPO


def test_the_page_on_more_nodes(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(REPO / "docs", docs, ignore=shutil.ignore_patterns("drills"))
    (tmp_path / "results").mkdir()
    (tmp_path / "lib").symlink_to(REPO / "lib")
    sizes = [
        Size(nodes=3, route_delay=0.05, ratio=1.2, failed=0, notify=0.018, questions=4.2, cpu=90.0),
        Size(
            nodes=5,
            route_delay=0.0615,
            ratio=1.25,
            failed=2,
            notify=0.02,
            questions=8.4,
            cpu=95.0,
            troubles=("no",),
        ),
    ]
    found = {"date": "2026-11-25T00:00:00+00:00", "cpus": 2, "repeat": 5}
    file = tmp_path / "results" / "growth.json"
    file.write_text(json.dumps({**found, "sizes": [asdict(each) for each in sizes]}))
    words = [sys.executable, str(docs / "make.py"), "growth"]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "| 3 | 50 ms | 1.20 | 0 | 18.0 ms | 4.2 times a second | 90 s/h |" in text
    assert "| 5 | 62 ms | 1.25 | 2 | 20.0 ms | 8.4 times a second | 95 s/h |" in text
    assert "\n2 failed with 5 nodes: " in text and "\n- no\n" in text
    assert "failed with 3 nodes" not in text
    assert "`lab grow --nodes 3,5 --repeat 5 " in text and "shared 2 cores" in text
