"""What else tells a role on this machine: the deck's systemd socket, and Patroni's REST API."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import LabError
from ..host import install
from ..node import Node
from ..topology.state_socket import deck_units

SOCKET_PORT = 6431
HAPROXY = """global
    pidfile /run/deck-haproxy.pid
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout check 5s
"""
POOL = """listen {pool}
    bind *:{port}
    option tcp-check
    tcp-check connect port {check}
    tcp-check expect string {role}
    default-server inter 2s fastinter 1s rise 2 fall 1 on-marked-down shutdown-sessions
"""
POOLS = (("prod", 16432, "production"), ("stdby", 16433, "standby"))
CONFIGURATION = "/run/deck-haproxy.cfg"

PACKAGES = ["patroni", "etcd-server", "python3-etcd", "postgresql-15"]
REST_PORT, PG_PORT, ETCD_PORT, ETCD_PEER_PORT = 18008, 17434, 12379, 12380
PATRONI = f"""scope: bench
name: one
restapi: {{listen: "127.0.0.1:{REST_PORT}", connect_address: "127.0.0.1:{REST_PORT}"}}
etcd3: {{host: "127.0.0.1:{ETCD_PORT}"}}
bootstrap:
  dcs: {{ttl: 30, loop_wait: 10, retry_timeout: 10}}
  initdb: [{{encoding: UTF8}}, {{auth: trust}}]
postgresql:
  listen: "127.0.0.1:{PG_PORT}"
  connect_address: "127.0.0.1:{PG_PORT}"
  data_dir: DIRECTORY/data
  pgpass: DIRECTORY/pgpass
  bin_dir: /usr/lib/postgresql/15/bin
  authentication: {{superuser: {{username: postgres}}, replication: {{username: postgres}}}}
  parameters: {{unix_socket_directories: DIRECTORY}}
"""
READY_WITHIN = 60.0  # s


@contextlib.contextmanager
def state_socket(node: Node) -> Iterator[None]:
    """The deck's socket on a node, beside our own port."""
    place = node.root / "etc/systemd/system"
    units = deck_units("deck-state", SOCKET_PORT)
    try:
        for name, text in units.items():
            (place / name).write_text(text)
        node.run("systemctl", "daemon-reload")
        node.run("systemctl", "start", "deck-state.socket")
        yield
    finally:
        node.run("systemctl", "stop", "deck-state.socket", check=False)
        for name in units:
            (place / name).unlink(missing_ok=True)
        node.run("systemctl", "daemon-reload")


def configuration(addresses: Mapping[str, str]) -> str:
    """Returns the deck's haproxy.cfg for nodes, on ports of its own."""
    text = HAPROXY
    for pool, port, role in POOLS:
        text += POOL.format(pool=pool, port=port, check=SOCKET_PORT, role=role)
        for name, address in addresses.items():
            text += f"    server {name} {address}:5434 check\n"
    return text


@contextlib.contextmanager
def deck(nodes: Sequence[Node]) -> Iterator[None]:
    """The deck's setup on all nodes, beside ours: sockets, and a HAProxy that checks them."""
    text = configuration({node.name: node.address for node in nodes})
    with contextlib.ExitStack() as stack:
        for node in nodes:
            stack.enter_context(state_socket(node))
        for node in nodes:
            node.run("sh", "-c", f"cat >{CONFIGURATION}", input=text)
            stop = "[ ! -e /run/deck-haproxy.pid ] || kill $(cat /run/deck-haproxy.pid)"
            stack.callback(node.run, "sh", "-c", f"{stop}; rm -f /run/deck-haproxy.*", check=False)
            node.run("haproxy", "-D", "-f", CONFIGURATION)
        yield


@contextlib.contextmanager
def patroni() -> Iterator[None]:
    """Patroni and etcd of the distribution on this host, on loopback: a cluster of one node."""
    if any(shutil.which(name) is None for name in ("patroni", "etcd")):
        install(PACKAGES)
    directory = Path(tempfile.mkdtemp(prefix="paf-bench-"))
    directory.chmod(0o755)
    shutil.chown(directory, "postgres", "postgres")
    (directory / "patroni.yml").write_text(PATRONI.replace("DIRECTORY", str(directory)))
    client, peer = (f"http://127.0.0.1:{port}" for port in (ETCD_PORT, ETCD_PEER_PORT))
    words = ["--data-dir", f"{directory}/etcd", "--initial-cluster", f"default={peer}"]
    words += ["--listen-client-urls", client, "--advertise-client-urls", client]
    words += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        stack.enter_context(_program(["etcd", *words], directory))
        time.sleep(2)
        stack.enter_context(_program(["patroni", f"{directory}/patroni.yml"], directory))
        _await(_answers, "Patroni")
        yield


@contextlib.contextmanager
def _program(command: list[str], directory: Path) -> Iterator[None]:
    environ = {**os.environ, "HOME": str(directory)}
    as_postgres = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
    with (directory / f"{command[0]}.log").open("w") as log:
        process = subprocess.Popen(
            [*as_postgres, *command], cwd=directory, env=environ, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{REST_PORT}/primary", timeout=2):
            return True
    except (OSError, urllib.error.URLError):
        return False


def _await(look: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + READY_WITHIN
    while not look():
        if time.monotonic() > end:
            raise LabError(f"{what} does not answer after {READY_WITHIN:g} s")
        time.sleep(0.5)
