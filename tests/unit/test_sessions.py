"""The clients that HAProxy lists, with and without the details of a session."""

from __future__ import annotations

import time

import pytest
from paf_haproxy.cli.sessions import sessions

SUMMARY = """\
0x1a: proto=? ts=00 epoch=0 age=0s calls=1 rate=0 cpu=0 lat=0 rq[f=848101h,i=0,an=00h,ax=]
0x1b: proto=unix_stream src=unix:1 fe=door be=prod srv=hold ts=00 epoch=0 age=4s calls=1 rate=0
0x1c: proto=tcpv4 src=127.0.0.1:59196 fe=role be=<NONE> srv=<none> ts=00 epoch=0 age=0s calls=1
0x1d: proto=tcpv4 src=10.0.0.9:54956 fe=prod be=prod srv=srv1 ts=00 epoch=0 age=1h5m calls=2
0x1e: proto=tcpv6 src=fd00::1:54957 fe=prod be=prod srv=<none> ts=00 age=3s calls=2

"""
DETAILS = """\
0x1d: [28/Nov/2026:18:03:33.500000] id=17 proto=tcpv4 source=10.0.0.9:54956
  backend=prod (id=3 mode=tcp) addr=10.0.0.1:40010
  server=srv1 (id=1) addr=10.0.0.1:5434

"""


class Haproxy:
    def __init__(self, version: str) -> None:
        self.version = version
        self.asked: list[str] = []

    def ask(self, command: str) -> str:
        self.asked.append(command)
        if command == "show info":
            return f"Name: HAProxy\nVersion: {self.version}\n\n"
        if command == "show sess":
            return SUMMARY
        return DETAILS if command == "show sess 0x1d" else "0x1e: (session terminated)\n\n"


@pytest.mark.parametrize("version", ["2.6.12-1+deb12u4", "3.2.26-1", "2.4.0"])
def test_only_clients_are_asked_about(version: str) -> None:
    haproxy = Haproxy(version)
    served, waits = sessions(haproxy.ask)
    assert haproxy.asked[2:] == ["show sess 0x1d", "show sess 0x1e"]
    assert (served.client, served.pool, served.server) == ("10.0.0.9:54956", "prod", "srv1")
    assert served.source == "10.0.0.1:40010"
    assert served.since == time.mktime((2026, 11, 28, 18, 3, 33, 0, 0, -1)) + 0.5
    assert (waits.client, waits.server, waits.source) == ("fd00::1:54957", "", "")
    assert time.time() - 10 < waits.since < time.time()


@pytest.mark.parametrize("version", ["3.0.11-1+deb13u4", "3.1.5"])
def test_a_version_that_would_crash_is_not_asked(version: str) -> None:
    haproxy = Haproxy(version)
    served, _ = sessions(haproxy.ask)
    assert haproxy.asked == ["show info", "show sess"]
    assert (served.client, served.server, served.source) == ("10.0.0.9:54956", "srv1", "")
    assert time.time() - 3910 < served.since < time.time() - 3890
