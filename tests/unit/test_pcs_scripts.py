"""What pcs-scripts/settings.sh gives the numbered scripts."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.tools import ROOT

SCRIPTS = sorted((ROOT / "pcs-scripts").glob("[0-9]*.sh"))
SCRIPT = '. "$1"; pcs_nodes cluster setup paf srv1 "a b"'


@pytest.mark.parametrize(("slowness", "patience"), [("1", "60"), ("2", "120"), ("10", "600")])
def test_patience_with_other_nodes(slowness: str, patience: str, tmp_path: Path) -> None:
    """A pcs that tells how long it would wait, as a command and as the modules behind it."""
    package = tmp_path / "pcs"
    package.mkdir()
    (package / "settings.py").write_text("default_request_timeout = 60\n")
    (package / "app.py").write_text(
        "from pcs import settings\n"
        "def main(words):\n    print(settings.default_request_timeout, *words, sep='|')\n"
    )
    command = tmp_path / "bin" / "pcs"
    command.parent.mkdir()
    command.write_text(
        "#!/usr/bin/python3\nimport sys\nfrom pcs import app\napp.main(sys.argv[1:])\n"
    )
    command.chmod(0o755)
    done = subprocess.run(
        ["bash", "-euc", SCRIPT, "bash", str(ROOT / "pcs-scripts" / "settings.sh")],
        env={
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(tmp_path),
            "SLOWNESS": slowness,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{patience}|cluster|setup|paf|srv1|a b\n", "")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda each: each.name)
def test_none_gets_in_the_way_of_paf(script: Path) -> None:
    """As these commands of pcs do, which send all of the configuration back, or are refused for
    what PAF writes: docs/architecture.md, "Traps". `cib` and `live` do not.
    """
    code = [line for line in script.read_text().splitlines() if not line.lstrip().startswith("#")]
    assert code
    assert not re.findall(r"(?<![\w-])pcs (?:constraint|resource|stonith|node)\b", "\n".join(code))
