"""Two nodes on this machine: real PostgreSQL, real HAProxy, the installed agent."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools import ROOT
from tests.tools.instance import GRANT, ROLES, Instance
from tests.tools.node import Cluster, Node
from tests.tools.waiting import at_once

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.func)


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    """A directory that everyone may pass: postgres and haproxy have their sockets in it."""
    memory = Path("/dev/shm")  # instances are copied often, and need no disk
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30
    path = Path(tempfile.mkdtemp(prefix="paf-", dir=memory if roomy else None))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest) -> None:
    """Puts the agent of this tree where Pacemaker finds it, to run the HAProxy of --haproxy."""
    Node.program = str(Path(request.config.getoption("--haproxy")).resolve())
    subprocess.run([str(ROOT / "provision" / "install-agent.sh"), str(ROOT)], check=True)
    for name in ("paf_haproxy", "templates"):
        os.utime(Path("/usr/share/paf-haproxy", name), (0, 0))  # it is not being upgraded


def address(last: int) -> str:
    """Returns a loopback address that no other run of these tests has."""
    return f"127.{os.getpid() >> 8 & 255 | 64}.{os.getpid() & 255}.{last}"


class Pair:
    """Two instances, srv1 the primary and srv2 its standby, that can be put back to that. first:
    the last number of the first address. programs: as for Instance.
    """

    def __init__(self, directory: Path, first: int = 11, programs: Path | None = None) -> None:
        self.srv1 = Instance("srv1", address(first), directory / "srv1", programs)
        self.srv2 = Instance("srv2", address(first + 1), directory / "srv2", programs)
        self.all = (self.srv1, self.srv2)
        self.pristine = directory / "pristine"

    def build(self) -> None:
        self.srv1.build()
        self.srv1.start()
        for text in (ROLES, GRANT):
            self.srv1.sql(text)
        self.srv2.copy(self.srv1)
        self.srv1.stop()
        for instance in self.all:
            shutil.copytree(instance.data, self.pristine / instance.name)
            own(self.pristine / instance.name)
        self.start()

    def start(self) -> None:
        at_once(*(instance.start for instance in self.all))

    def stop(self) -> None:
        at_once(*(functools.partial(instance.stop, "immediate") for instance in self.all))

    def rebuild(self) -> None:
        """Puts both back to where they were when they were made."""
        self.stop()
        for instance in self.all:
            shutil.rmtree(instance.data)
            shutil.copytree(self.pristine / instance.name, instance.data)
            own(instance.data)
        self.start()


def own(directory: Path) -> None:
    subprocess.run(["chown", "-R", "postgres:postgres", str(directory)], check=True)


@pytest.fixture(scope="session")
def pair(directory: Path) -> Iterator[Pair]:
    instances = Pair(directory)
    instances.build()
    yield instances
    instances.stop()


@pytest.fixture
def fresh(pair: Pair) -> Iterator[Pair]:
    """For tests that change who is primary or end an instance."""
    yield pair
    pair.rebuild()


@contextlib.contextmanager
def make(pair: Pair, directory: Path) -> Iterator[Cluster]:
    """Makes two nodes. HAProxy does not run yet, and Pacemaker says that srv1 is promoted."""
    nodes = " ".join(f"{instance.name}={instance.address}" for instance in pair.all)
    states = Path(tempfile.mkdtemp(dir=directory))
    states.chmod(0o755)
    mock = states / "pacemaker"
    mock.mkdir()
    srv1, srv2 = (Node(instance, nodes, states / instance.name, mock) for instance in pair.all)
    cluster = Cluster(srv1, srv2, mock)
    cluster.pacemaker("srv1")
    try:
        yield cluster
    finally:
        cluster.end()


class Steady:
    """A running cluster that tests share as long as they leave it as it is."""

    def __init__(self, pair: Pair, directory: Path) -> None:
        self._make = functools.partial(make, pair, directory)
        self._stack = contextlib.ExitStack()
        self._cluster: Cluster | None = None

    def get(self) -> Cluster:
        if not self._cluster:
            self._cluster = self._stack.enter_context(self._make())
            self._cluster.start()
        return self._cluster

    def end(self) -> None:
        self._stack.close()
        self._cluster = None


@pytest.fixture(scope="session")
def shared(pair: Pair, installed: None, directory: Path) -> Iterator[Steady]:
    steady = Steady(pair, directory)
    yield steady
    steady.end()


@pytest.fixture
def steady(shared: Steady) -> Iterator[Cluster]:
    """Both nodes, with HAProxy, leading to srv1: for tests that leave them like that."""
    cluster = shared.get()
    before = [node.states() for node in cluster.nodes]
    yield cluster
    try:
        as_it_was = [node.states() for node in cluster.nodes] == before
    except OSError:
        as_it_was = False
    if not as_it_was:
        shared.end()
    assert as_it_was, "this test needs a cluster of its own"


@pytest.fixture
def cluster(shared: Steady, pair: Pair, directory: Path) -> Iterator[Cluster]:
    """Both nodes, without HAProxy."""
    shared.end()  # it has the same addresses
    with make(pair, directory) as made:
        yield made


@pytest.fixture
def running(cluster: Cluster) -> Cluster:
    """Both nodes, with HAProxy, leading to srv1."""
    cluster.start()
    return cluster
