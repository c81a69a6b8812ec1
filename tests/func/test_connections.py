"""What HAProxy logs of connections, and which standby several connections of one client reach."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from tests.tools.instance import connect
from tests.tools.node import Cluster
from tests.tools.waiting import eventually

LINE = re.compile(
    r"(?P<pool>\w+) client=(?P<client>\S+) server=(?P<server>\S+) source=(?P<source>\S+) queue=\d+"
    r" connect=\d+ total=\d+ bytes=\d+ end=(?P<end>\S+)"
)
WHERE = "SELECT host(inet_client_addr()), inet_client_port()"


@pytest.fixture
def syslog() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        yield receiver


def lines(syslog: socket.socket) -> list[dict[str, str]]:
    """Returns the lines about connections that have come since the last time."""
    found: list[dict[str, str]] = []
    while True:
        try:
            text = syslog.recv(4096).decode()
        except BlockingIOError:
            return found
        if match := LINE.search(text):
            found.append(match.groupdict())


def run(cluster: Cluster, syslog: socket.socket, **params: str) -> None:
    for node in cluster.nodes:
        node.params.update(params, log=f"127.0.0.1:{syslog.getsockname()[1]}")
    cluster.start()
    for node in cluster.nodes:
        node.await_up("stdby/srv2")


@pytest.mark.parametrize(
    ("port", "pool", "server"), [(5432, "prod", "srv1"), (5433, "stdby", "srv2")]
)
def test_a_line_leads_from_postgresql_to_the_client(
    port: int, pool: str, server: str, cluster: Cluster, syslog: socket.socket
) -> None:
    run(cluster, syslog, log_connections="yes")
    session = connect(cluster.srv2.address, port)
    cursor = session.cursor()
    cursor.execute(WHERE)
    address, at = cursor.fetchone()
    own = socket.socket(fileno=socket.dup(session.fileno()))
    client = "{}:{}".format(*own.getsockname())
    own.close()
    session.close()
    (line,) = eventually(
        lambda: [each for each in lines(syslog) if each["client"] == client], "it is logged"
    )
    assert (line["pool"], line["server"], line["source"]) == (pool, server, f"{address}:{at}")
    assert line["end"] == "--", "it has ended in order"


def test_by_default_connections_that_end_in_order_are_not_logged(
    cluster: Cluster, syslog: socket.socket
) -> None:
    run(cluster, syslog)
    connect(cluster.srv1.address, 5432).close()
    with pytest.raises(AssertionError, match="it is logged"):
        eventually(lambda: lines(syslog), "it is logged", within=1)


@pytest.mark.parametrize(("balance", "standbys"), [("leastconn", 2), ("source", 1)])
def test_how_many_standbys_the_connections_of_a_client_reach(
    balance: str, standbys: int, cluster: Cluster, syslog: socket.socket
) -> None:
    run(cluster, syslog, stdby_balance=balance, log_connections="yes")
    node = cluster.srv1
    # The primary stands in for a second standby; its agent-check would end its sessions.
    node.haproxy(
        "set server stdby/srv1 state ready; set server stdby/srv1 agent up;"
        " disable agent stdby/srv1"
    )
    node.await_up("stdby/srv1")
    for _ in range(12):
        connect(node.address, 5433).close()
    found: list[dict[str, str]] = []

    def all_logged() -> bool:
        found.extend(each for each in lines(syslog) if each["pool"] == "stdby")
        return len(found) >= 12

    eventually(all_logged, "all are logged")
    assert len({each["server"] for each in found}) == standbys
