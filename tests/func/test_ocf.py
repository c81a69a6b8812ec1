"""What the resource-agents project says of an OCF agent: its DTD, its schema, and ocf-tester."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.tools.node import AGENT, Cluster

SHARE = Path("/usr/share/resource-agents")


@pytest.fixture
def metadata(installed: None, tmp_path: Path) -> Path:
    done = subprocess.run([str(AGENT), "meta-data"], capture_output=True, check=True)
    path = tmp_path / "metadata.xml"
    path.write_bytes(done.stdout)
    return path


def lint(*words: str) -> None:
    done = subprocess.run(
        ["xmllint", "--noout", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def without_what_is_newer(metadata: Path) -> Path:
    """Leaves out what OCF 1.1 has added and resource-agents 4.12 does not know."""
    text = metadata.read_text()
    assert '<action name="reload-agent"' in text and ' reloadable="1"' in text
    text = re.sub(r'<action name="reload-agent"[^>]*>\n', "", text)
    metadata.write_text(text.replace(' reloadable="1"', ""))
    return metadata


def test_the_dtd(metadata: Path) -> None:
    lint("--dtdvalid", str(SHARE / "ra-api-1.dtd"), str(without_what_is_newer(metadata)))


def test_the_schema(metadata: Path) -> None:
    schema = str(SHARE / "metadata.rng")
    lint("--nonet", "--relaxng", schema, str(without_what_is_newer(metadata)))


def test_the_linter_can_fail(metadata: Path) -> None:
    metadata.write_text(metadata.read_text().replace("<actions>", "<actions><bogus/>"))
    for words in (
        ["--dtdvalid", str(SHARE / "ra-api-1.dtd")],
        ["--nonet", "--relaxng", str(SHARE / "metadata.rng")],
    ):
        with pytest.raises(AssertionError):
            lint(*words, str(metadata))


WITHOUT_WHAT_IS_NEWER = f"""#!/bin/sh
if [ "$1" = meta-data ]; then
    {AGENT} meta-data | sed '/<action name="reload-agent"/d; s/ reloadable="1"//'
else
    exec {AGENT} "$@"
fi
"""


def test_ocf_tester(cluster: Cluster, directory: Path) -> None:
    """Its whole list, on the node whose PostgreSQL can be promoted."""
    agent = directory / "haproxy"  # where everyone may run it
    agent.write_text(WITHOUT_WHAT_IS_NEWER)
    agent.chmod(0o755)
    node = cluster.srv1
    command = ["ocf-tester", "-v", "-n", "haproxy"]
    for name, value in node.params.items():
        command += ["-o", f"{name}={value}"]
    environ = {name: value for name, value in node.environ.items() if "RESKEY" not in name}
    done = subprocess.run(
        [*command, str(agent)],
        capture_output=True,
        text=True,
        env=environ,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{agent} passed all tests" in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith("*")], done.stdout
    assert node.pids() == []
