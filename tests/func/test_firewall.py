"""provision/firewall.sh, in a network namespace: who may reach what."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.tools import ROOT

HERE = "10.99.0.1"
NODE, CLIENT, STRANGER = "10.99.0.2", "10.99.1.2", "10.99.2.2"
NODES, CLIENTS = (HERE, NODE), "10.99.1.0/24"
PUBLIC = (5431, 5432, 5433, 7000, 8008)
AMONG_NODES = (2224, 5434, 5435)
NOBODYS = (111, 3306)
COROSYNC = 5405
SPACES = ("paf-fw-node", "paf-fw-peer")

SERVER = f"""
import selectors, socket
found = selectors.DefaultSelector()
for port in {(22, *PUBLIC, *AMONG_NODES, *NOBODYS)}:
    found.register(socket.create_server(("{HERE}", port)), selectors.EVENT_READ)
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.bind(("{HERE}", {COROSYNC}))
found.register(udp, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in found.select():
        if key.fileobj is udp:
            udp.sendto(*udp.recvfrom(100))
        else:
            key.fileobj.accept()[0].close()
"""
CLIENT_PROGRAM = """
import socket, sys
source, port, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
peer = socket.socket(type=socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
peer.settimeout(0.5)
peer.bind((source, 0))
peer.connect(("10.99.0.1", port))
if kind == "udp":
    peer.send(b"x")
    peer.recv(1)
"""


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)


@pytest.fixture(scope="module")
def node() -> Iterator[None]:
    """A node behind the rules, everything listening, and a peer with an address of each kind."""
    inside, outside = SPACES
    for name in SPACES:
        ip("netns", "delete", name, check=False)
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
    server = None
    try:
        ip("-n", inside, "link", "add", "eth0", "type", "veth", "peer", "eth0", "netns", outside)
        ip("-n", inside, "address", "add", f"{HERE}/16", "dev", "eth0")
        for address in (NODE, CLIENT, STRANGER):
            ip("-n", outside, "address", "add", f"{address}/16", "dev", "eth0")
        for name in SPACES:
            ip("-n", name, "link", "set", "eth0", "up")
        command = ["bash", str(ROOT / "provision" / "firewall.sh"), CLIENTS, *NODES]
        rules = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for _ in range(2):  # and once more: nothing is there twice
            load = ["ip", "netns", "exec", inside, "nft", "-f", "-"]
            subprocess.run(load, input=rules, check=True, text=True)
        command = ["ip", "netns", "exec", inside, sys.executable, "-c", SERVER]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout and server.stdout.readline() == "ready\n"
        yield
    finally:
        if server:
            server.kill()
            server.wait()
        for name in SPACES:
            ip("netns", "delete", name, check=False)


def reaches(source: str, port: int, kind: str = "tcp") -> bool:
    command = ["ip", "netns", "exec", SPACES[1], sys.executable, "-c", CLIENT_PROGRAM]
    done = subprocess.run([*command, source, str(port), kind], capture_output=True)
    return done.returncode == 0


@pytest.mark.parametrize("port", (22, *PUBLIC, *AMONG_NODES))
def test_nodes_reach_what_the_cluster_needs(node: None, port: int) -> None:
    assert reaches(NODE, port)


@pytest.mark.parametrize("port", (22, *PUBLIC))
def test_clients_reach_the_pools(node: None, port: int) -> None:
    assert reaches(CLIENT, port)


@pytest.mark.parametrize("port", AMONG_NODES)
def test_clients_reach_neither_postgresql_nor_pcsd(node: None, port: int) -> None:
    assert not reaches(CLIENT, port)


@pytest.mark.parametrize("port", (*PUBLIC, *AMONG_NODES))
def test_strangers_reach_nothing_but_ssh(node: None, port: int) -> None:
    assert not reaches(STRANGER, port)
    assert reaches(STRANGER, 22)


@pytest.mark.parametrize("port", NOBODYS)
def test_what_is_nobodys_stays_shut(node: None, port: int) -> None:
    assert not reaches(NODE, port)


def test_corosync_is_the_nodes_alone(node: None) -> None:
    assert reaches(NODE, COROSYNC, "udp")
    assert not reaches(CLIENT, COROSYNC, "udp")
