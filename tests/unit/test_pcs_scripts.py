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
    what PAF writes: docs/traps/pcs.md has both. `cib` and `live` do not.
    """
    code = [line for line in script.read_text().splitlines() if not line.lstrip().startswith("#")]
    assert code
    assert not re.findall(r"(?<![\w-])pcs (?:constraint|resource|stonith|node)\b", "\n".join(code))


def settings(script: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs a line of bash after settings.sh; its words are $2, $3 and so on."""
    return subprocess.run(
        [
            "bash",
            "-euc",
            f'. "$1"; {script}',
            "bash",
            str(ROOT / "pcs-scripts/settings.sh"),
            *words,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
    )


COROSYNC = """totem {
    cluster_name: srv1-c
}
nodelist {
    node {
        ring0_addr: srv1-b
        name: srv1-b
    }
    node {
        ring0_addr: srv2
        name: srv2.example
    }
}
"""


@pytest.mark.parametrize(
    ("node", "found"),
    [
        ("srv1-b", 0),
        ("srv2.example", 0),
        ("srv1", 1),
        ("srv1-c", 1),
        ("srv2", 1),
        ("srv2xexample", 1),
    ],
)
def test_a_node_is_known_by_its_whole_name(node: str, found: int, tmp_path: Path) -> None:
    (tmp_path / "corosync.conf").write_text(COROSYNC)
    assert settings('is_member "$2" corosync.conf', node, cwd=tmp_path).returncode == found


def test_the_nodes_that_can_be_fenced_but_for_one(tmp_path: Path) -> None:
    crm = 'crm_resource() { echo "srv1-b srv1 srv.2 srvx2"; }'
    for node, rest in (("srv1", "srv1-b srv.2 srvx2"), ("srv.2", "srv1-b srv1 srvx2")):
        assert settings(f'{crm}; fenced_without "$2"', node, cwd=tmp_path).stdout == rest + "\n"


def test_lines_that_an_existing_file_lacks(tmp_path: Path) -> None:
    wanted = "# a comment\nport = 5434\nlocal   postgres  haproxy   peer\n\nfsync = on\n"
    (tmp_path / "have").write_text("  local postgres haproxy\tpeer\nport = 54344\n")
    script = f"printf '{wanted}' | missing_lines "
    assert settings(script + "have", cwd=tmp_path).stdout == "port = 5434\nfsync = on\n"
    assert settings(script + "none", cwd=tmp_path).stdout.count("\n") == 3


def test_passwords_of_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.write_text("srv9:*:*:barman:x\n*:*:*:app:old\n*:*:*:app2:y\n")
    for _ in range(2):
        done = settings(r"remember_password pgpass root app 'n:e\w'", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        lines = ["srv9:*:*:barman:x", "*:*:*:app2:y", r"*:*:*:app:n\:e\\w"]
        assert file.read_text().splitlines() == lines
        assert file.stat().st_mode & 0o777 == 0o600
