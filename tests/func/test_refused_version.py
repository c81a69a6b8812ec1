"""HAProxy 2.8.0 is refused by its own reading of haproxy.cfg, and stops no HAProxy that serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.node import Cluster

# The HAProxy of this machine, which takes the conditions for 2.8.0 as met.
PRETENDER = r"""#!/bin/sh
if [ "$1" = -c ]; then
    sed -i 's/^\.if version_atleast(2\.8\.0)$/.if version_atleast(2.4.0)/' "$3"
    sed -i 's/^\.if version_before(2\.8\.1)$/.if version_before(99.0.0)/' "$3"
fi
exec PROGRAM "$@"
"""
TOLD = "HAProxy 2.8.0 hangs: install a later 2.8, or another branch"


@pytest.fixture
def pretender(cluster: Cluster, tmp_path: Path) -> Path:
    path = tmp_path / "haproxy"
    path.write_text(PRETENDER.replace("PROGRAM", cluster.srv1.program))
    path.chmod(0o755)
    return path


def test_a_start_says_what_to_install(cluster: Cluster, pretender: Path) -> None:
    node = cluster.srv1
    node.params["haproxy"] = str(pretender)
    for action, code in (("validate-all", 6), ("start", 1)):
        (reason,) = node.do(action, code=code).reasons
        assert TOLD in reason
    assert not node.processes()


def test_haproxy_that_serves_goes_on(running: Cluster, pretender: Path) -> None:
    node = running.srv1
    pid = node.pid()
    node.params["haproxy"] = str(pretender)
    node.do("reload-agent")
    assert TOLD in (node.statedir / "rejected").read_text()
    assert node.pid() == pid
