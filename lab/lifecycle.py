"""Building the lab up and taking it down. What there is already is read off the system."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from . import agent, cgroup, cluster, health, host, image, network, power
from .errors import LabError
from .layout import RUN, STATE
from .node import ALL, LOG_SINK, SPARE, Node
from .shell import together

Step = Callable[[str], AbstractContextManager[None]]
"""Shows what is being done for as long as the block lasts."""


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Keeps two of us from building and razing the lab at a time."""
    RUN.mkdir(parents=True, exist_ok=True)
    with (RUN / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LabError("another lab up or lab down is at work: wait for it") from error
        yield


def up(step: Step) -> str:
    """Boots the cluster, or what is missing of it. Returns a note for people, or ''."""
    with locked():
        image.stop_build()  # of a lab up that was killed
        if packages := host.missing():
            with step(f"install {' '.join(packages)}"):
                host.install(packages)
        note = ""
        if missing := [node for node in ALL if node.image is None]:
            with step("image"):
                base = image.build()
                image.remove_unused({base, *(node.image for node in ALL)})
        else:
            base = image.path()
        if len(missing) < len(ALL) and any(node.image not in (None, base) for node in ALL):
            note = "the nodes stand on an older image: lab down and lab up give them the new one"
        with step("network and power switch"):
            network.up()
            power.start()
        with step("boot"):
            together(lambda node: _boot(node, base), ALL)
        with step("agent and logs"):
            cluster.make_secrets()
            together(cluster.prepare, ALL)
        _form(step)
        with step("primary, standbys, HAProxy"):
            health.await_healthy(mend_after=30)
        return note


def _boot(node: Node, base: Path) -> None:
    node.lay_out(base)
    if node is not LOG_SINK and not node.running:
        agent.install(node)  # Pacemaker may be enabled, and run it at once
    node.boot()
    node.await_ready()


def _form(step: Step) -> None:
    """Makes the nodes a cluster with our resources, unless they are."""
    joined = cluster.joined()
    if joined:
        with step("cluster start"):
            cluster.start()
    if joined and cluster.formed():
        return
    if joined:
        with step("PostgreSQL"):
            cluster.databases()
    else:
        with step("PostgreSQL and cluster setup"):
            together(lambda work: work(), (cluster.databases, cluster.join))
    with step("resources"):
        cluster.configure()


def down(purge: bool) -> None:
    """Removes the lab: processes, mounts, namespaces, control groups and files."""
    with locked():
        image.stop_build()
        power.stop()
        together(Node.power_off, (*ALL, SPARE))
        for node in (*ALL, SPARE):
            node.remove()
        cgroup.kill_all()
        network.down()
        shutil.rmtree(STATE / "secrets", ignore_errors=True)
        if purge:
            shutil.rmtree(STATE, ignore_errors=True)
            image.remove_unused(set())
        for file in [*RUN.glob("*.console"), *RUN.glob("power*")]:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
