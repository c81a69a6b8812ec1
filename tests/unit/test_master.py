"""HAProxy's master: which processes there are, and the sessions in those that only finish."""

from __future__ import annotations

import socket
from pathlib import Path

from paf_haproxy import master

from tests.tools.fake_haproxy import listening, read_line

PROC = """\
#<PID>          <type>          <reloads>       <uptime>        <version>
5360            master          3 [failed: {failed}]   0d00h00m02s     2.6.12-1+deb12u4
# workers
5445            worker          0               0d00h00m01s     2.6.12-1+deb12u4
# old workers
5363            worker          1               0d00h00m02s     2.6.12-1+deb12u4
5301            worker          2               0d00h01m02s     2.6.12-1+deb12u4
# programs

"""
SESSIONS = """\
0x1: proto=tcpv4 src=127.0.0.1:39734 fe=prod be=prod srv=srv1 ts=00 epoch=0 age=2s
0x2: proto=tcpv4 src=127.0.0.1:39735 fe=stdby be=stdby srv=srv2 ts=00 epoch=0 age=2s
0x3: proto=tcpv4 src=127.0.0.1:39736 fe=prod be=prod srv=srv2 ts=00 epoch=0 age=2s
0x4: proto=sockpair src=unix:2 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s

"""


def test_processes() -> None:
    found = master.Processes(PROC.format(failed=0))
    assert (found.master, found.worker, found.old) == (5360, 5445, [5363, 5301])
    assert found.failed == 0
    assert master.Processes(PROC.format(failed=2)).failed == 2


def test_a_haproxy_that_counts_no_failures() -> None:
    """2.4 lists the workers, and not the reloads that failed."""
    text = PROC.replace(" [failed: {failed}]", "")
    assert master.Processes(text).failed is None
    assert master.Processes("").worker is None


def test_sessions_in_old_workers(tmp_path: Path) -> None:
    """Those to the servers that are named, each by its own name; no others."""
    asked: list[str] = []

    def serve(connection: socket.socket) -> None:
        line = read_line(connection)
        asked.append(line)
        assert connection.recv(1) == b"", "the master answers when we have shut down our side"
        answer = PROC.format(failed=0) if line == "show proc" else "\n"
        connection.sendall((SESSIONS if line.endswith("show sess") else answer).encode())

    with listening(tmp_path / "master.sock", serve):
        assert master.close_old_sessions(str(tmp_path), [("prod", "srv1"), ("stdby", "srv2")]) == 4
    assert asked == [
        "show proc",
        "@!5363 show sess",
        "@!5363 shutdown session 0x1;@!5363 shutdown session 0x2",
        "@!5301 show sess",
        "@!5301 shutdown session 0x1;@!5301 shutdown session 0x2",
    ]


def test_nothing_to_close(tmp_path: Path) -> None:
    assert master.close_old_sessions(str(tmp_path), []) == 0, "the master is not asked"
    assert master.close_old_sessions(str(tmp_path), [("prod", "srv1")]) == 0, "there is no master"
