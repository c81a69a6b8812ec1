"""What HAProxy and the agent touch, by strace, is what docs/el.md says that SELinux must allow."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.tools import ROOT
from tests.tools.node import AGENT, Cluster, Node
from tests.tools.system_calls import Access, accesses

TABLE = re.compile(r"<!-- accesses of HAProxy -->(.*?)<!-- end -->", re.DOTALL)
STRACE = ("strace", "-f", "-yy", "-qq", "-s", "300", "-e", "trace=file,network,process", "-o")
WITHIN = 40  # s: strace slows an action down
OF_THE_AGENT = ("/run/paf-haproxy", "/run/paf-haproxy/*", "/var/lib/paf-haproxy*", "/dev/null")


class Row(NamedTuple):
    """whats: such as 'read'. wheres: patterns of paths, or ports."""

    whats: list[str]
    wheres: list[str]

    def has(self, access: Access) -> bool:
        return access.what in self.whats and any(
            fnmatchcase(access.to, where) for where in self.wheres
        )


def table() -> list[Row]:
    found = TABLE.search((ROOT / "docs" / "el.md").read_text())
    assert found
    lines = [line.strip("| ").split(" | ") for line in found[1].strip().splitlines()[2:]]
    return [Row(line[0].split(", "), line[1].split(", ")) for line in lines]


def begin(node: Node, action: str, trace: Path) -> subprocess.Popen[bytes]:
    """Begins an action under strace, which ends when all that the action has started has ended."""
    environ = {**node.environ, "OCF_RESKEY_CRM_meta_timeout": "20000"}
    quiet = subprocess.DEVNULL
    words = [*STRACE, str(trace), str(AGENT), action]
    return subprocess.Popen(words, env=environ, stdin=quiet, stdout=quiet, stderr=quiet)


def traced(node: Node, traces: Path) -> set[Access]:
    """Runs one action after another. HAProxy stays under the strace of the start."""
    haproxy = begin(node, "start", traces / "start")
    node.await_up("prod/srv1", within=WITHIN)
    for action in ("monitor", "notify", "reload", "stop"):
        if action == "notify":
            node.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
        if action == "reload":
            node.params["maxconn"] = "1900"
        if action != "notify":
            begin(node, action, traces / action).wait(WITHIN)
    haproxy.wait(WITHIN)
    texts = [path.read_text(errors="replace") for path in sorted(traces.iterdir())]
    assert len(texts) == 4
    return {access for text in texts for access in accesses(text, str(AGENT))}


def as_installed(node: Node, path: str) -> str:
    """Returns the path that an installation has in the place of one of this test."""
    for ours, theirs in (
        (node.params["keepdir"], "/var/lib/paf-haproxy"),
        (str(node.statedir), "/run/paf-haproxy"),
        (node.params["pghost"], "/run/postgresql"),
    ):
        path = path.replace(ours, theirs)
    return path


@pytest.fixture(scope="module")
def traces(directory: Path) -> Iterator[Path]:
    assert shutil.which("strace"), "tests/packages.txt names it"
    path = directory / "traces"
    path.mkdir()
    yield path
    shutil.rmtree(path)


def test_all_that_is_touched_is_in_the_table(cluster: Cluster, traces: Path) -> None:
    node = cluster.srv1
    cluster.srv2.do("start")
    found = {access._replace(to=as_installed(node, access.to)) for access in traced(node, traces)}
    haproxys = {access for access in found if access.program == node.program}
    rows = table()
    unknown = {access for access in haproxys if not any(row.has(access) for row in rows)}
    # The test machine has no /dev/log, and its names may be those of a name server.
    assert {access for access in unknown if access.to != "udp 53"} == set()
    for row in rows:
        assert any(row.has(access) for access in haproxys), f"HAProxy does not {row}"
    written = {a.to for a in found if a.program == str(AGENT) and a.what == "write"}
    assert "/run/paf-haproxy/haproxy.cfg" in written
    strange = [path for path in written if not any(fnmatchcase(path, w) for w in OF_THE_AGENT)]
    assert strange == []
