"""Port 8008, asked as load balancers ask: HAProxy as Patroni's documentation sets it up, and the
requests of keepalived and of load balancers of clouds, byte by byte.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.instance import ask
from tests.tools.node import REST, Cluster, Node
from tests.tools.waiting import eventually

WHO = "SELECT pg_is_in_recovery()"
PRIMARY, REPLICA = 5000, 5001
# Patroni's documentation, "HAProxy": a check every 3 s, three failures, two successes.
LISTEN = """
listen {path}
    bind {address}:{port}
    option httpchk OPTIONS /{path}
    http-check expect status 200
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
"""
SERVER = "    server {name} {address}:5434 maxconn 100 check port 8008\n"
CONFIGURATION = """
global
    maxconn 100
defaults
    mode tcp
    retries 2
    timeout client 30m
    timeout connect 4s
    timeout server 30m
    timeout check 5s
"""
REQUESTS = {
    "AWS": "GET {path} HTTP/1.1\r\nHost: {host}:8008\r\nConnection: close\r\n"
    "User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n",
    "GCP": "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: GoogleHC/1.0\r\n"
    "Connection: Keep-alive\r\n\r\n",
    "Azure": "GET {path} HTTP/1.1\r\nHost: {host}:8008\r\nConnection: Keep-Alive\r\n"
    "User-Agent: Load Balancer Agent\r\n\r\n",
    "keepalived": "GET {path} HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: {host}:8008\r\n\r\n",
    "HTTP/1.0 without a header": "GET {path} HTTP/1.0\r\n\r\n",
}


@contextlib.contextmanager
def haproxy(program: str, cluster: Cluster, directory: Path) -> Iterator[str]:
    """Runs a HAProxy in front of the cluster, as of one of Patroni's. Yields its address."""
    address = cluster.srv1.address.rpartition(".")[0] + ".99"
    text = CONFIGURATION
    for path, port in (("primary", PRIMARY), ("replica", REPLICA)):
        text += LISTEN.format(path=path, address=address, port=port)
        for node in cluster.nodes:
            text += SERVER.format(name=node.name, address=node.address)
    file = directory / "haproxy.cfg"
    file.write_text(text)
    with subprocess.Popen([program, "-f", str(file), "-db"]) as process:
        try:
            yield address
        finally:
            process.terminate()


def test_haproxy_as_patroni_documents_it(steady: Cluster, tmp_path: Path) -> None:
    def reaches(address: str, port: int, standby: bool) -> bool:
        try:
            return ask(address, port, WHO) is standby
        except Exception:  # its checks have not succeeded twice yet
            return False

    with haproxy(steady.srv1.program, steady, tmp_path) as address:
        eventually(lambda: reaches(address, PRIMARY, False), "the primary is found", 15)
        eventually(lambda: reaches(address, REPLICA, True), "the standby is found", 15)
        # The other server of each pool is down by now: three checks have failed.
        eventually(
            lambda: all(reaches(address, PRIMARY, False) for _ in range(6)), "only the primary", 15
        )


def status(node: Node, request: str) -> int:
    """Returns the status code of the answer."""
    with socket.create_connection((node.address, REST), timeout=5) as connection:
        connection.sendall(request.encode())
        answer = connection.makefile("rb").readline().decode()
    protocol, code, _ = answer.split(" ", 2)
    assert protocol in ("HTTP/1.0", "HTTP/1.1")
    return int(code)


@pytest.mark.parametrize("who", list(REQUESTS))
def test_requests_as_they_are_sent(steady: Cluster, who: str) -> None:
    for path, primary, standby in (("/primary", 200, 503), ("/replica", 503, 200)):
        for node, expected in ((steady.srv1, primary), (steady.srv2, standby)):
            request = REQUESTS[who].format(path=path, host=node.address)
            assert status(node, request) == expected, (path, node.name)
