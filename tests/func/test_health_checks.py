"""Port 8008, asked as keepalived and load balancers of clouds ask, byte by byte."""

from __future__ import annotations

import socket

import pytest

from tests.tools.node import REST, Cluster, Node
from tests.tools.waiting import eventually

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


def status(node: Node, request: str) -> int:
    """Returns the status code of the answer."""
    with socket.create_connection((node.address, REST), timeout=5) as connection:
        connection.sendall(request.encode())
        answer = connection.makefile("rb").readline().decode()
    protocol, code, _ = answer.split(" ", 2)
    assert protocol in ("HTTP/1.0", "HTTP/1.1")
    return int(code)


def answers(node: Node, request: str, code: int) -> None:
    """Returns once it does: HAProxy learns how far a standby is a moment after it has started."""
    eventually(lambda: status(node, request) == code, f"{node.name} answers {code}")


@pytest.mark.parametrize("who", list(REQUESTS))
def test_requests_as_they_are_sent(steady: Cluster, who: str) -> None:
    for path, primary, standby in (("/primary", 200, 503), ("/replica", 503, 200)):
        for node, expected in ((steady.srv1, primary), (steady.srv2, standby)):
            answers(node, REQUESTS[who].format(path=path, host=node.address), expected)
