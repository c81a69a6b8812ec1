"""Building the lab up and taking it down. What there is already is read off the system."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import (
    agent,
    cgroup,
    cluster,
    host,
    image,
    layout,
    network,
    package,
    power,
    scripts,
    topology,
)
from .errors import LabError
from .layout import CACHE, RUN, STATE
from .lock import locked
from .node import ALL, APPLICATION, LOG_SINK, SPARE, Node
from .shell import together
from .topology.base import Step, Topology


def built() -> str:
    """Returns the name of the topology that the nodes were built as."""
    return layout.TOPOLOGY.read_text() if layout.TOPOLOGY.exists() else topology.DEFAULT


def up(step: Step, name: str | None = None) -> str:
    """Boots the cluster, or what is missing of it. Returns a note for people, or ''.

    name: of the topology; by default that of the nodes that there are. Raises LabError if they are
    another's.
    """
    with locked():
        what = topology.named(name or built())
        if what.name != built() and any(node.image is not None for node in ALL):
            raise LabError(f"the lab is up as {built()}: lab down, then lab up again")
        STATE.mkdir(parents=True, exist_ok=True)
        layout.TOPOLOGY.write_text(what.name)
        image.stop_build()  # of a lab up that was killed
        if packages := host.missing():
            with step(f"install {' '.join(packages)}"):
                host.install(packages)
        if what.half_built():
            with step("nodes anew"):
                together(_raze, ALL)
        note = ""
        if missing := [node for node in ALL if node.image is None]:
            with step("image"):
                base = image.build(what.image)
                image.remove_unused({base, image.path(), *(node.image for node in ALL)})
        else:
            base = image.path(what.image)
        if len(missing) < len(ALL) and any(node.image not in (None, base) for node in ALL):
            note = "the nodes stand on an older image: lab down and lab up give them the new one"
        with step("package"):
            package.build()  # once, before the nodes ask for it side by side
        with step("network and power switch"):
            network.up()
            power.start()
        with step("boot"):
            together(lambda node: _boot(node, base, what.provisioned), ALL)
        scripts.make_secrets()
        if what.provisioned:
            with step("agent and logs"):
                together(lambda node: cluster.prepare(node, what.environment(node)), ALL)
        build(what, step)
        return note


def build(what: Topology, step: Step) -> None:
    """Builds the topology on nodes that have booted, or what is missing of it. Nodes that lost
    their power meanwhile, by a fencing for example, are booted, and it is tried once more. Raises
    LabError with what is missing and what to type.
    """
    try:
        what.build(step)
        return
    except LabError as error:
        off = [node for node in ALL if not node.running]
        if not off:
            raise LabError(advice(str(error))) from error
    with step(f"boot {' and '.join(node.name for node in off)} again"):
        together(_boot_again, off)
    try:
        what.build(step)
    except LabError as error:
        raise LabError(advice(str(error))) from error


def advice(why: str) -> str:
    """Returns why the lab is not up, with what to type. Pure."""
    return (
        f"{why.removesuffix(': lab up')}; lab status and lab logs NODE tell more. If a setting in a"
        " node was changed, take it back (lab shell NODE), then lab up. lab down and lab up build"
        " the lab anew"
    )


def _boot_again(node: Node) -> None:
    node.boot()
    node.await_ready()


def _boot(node: Node, base: Path, provisioned: bool) -> None:
    node.lay_out(base)
    if provisioned and node is not LOG_SINK and not node.running:
        agent.install(node)  # Pacemaker may be enabled, and run it at once
    node.boot()
    node.await_ready()


def _raze(node: Node) -> None:
    node.power_off()
    node.remove()


def down(purge: bool) -> None:
    """Removes the lab: processes, mounts, namespaces, control groups and files."""
    with locked():
        image.stop_build()
        power.stop()
        together(_raze, (*ALL, SPARE, APPLICATION))
        cgroup.kill_all()
        network.down()
        shutil.rmtree(STATE / "secrets", ignore_errors=True)
        layout.TOPOLOGY.unlink(missing_ok=True)
        if purge:
            shutil.rmtree(STATE, ignore_errors=True)
            image.remove_unused(set())
            for made in CACHE.glob("*.deb"):
                made.unlink()
        for file in [*RUN.glob("*.console"), *RUN.glob("power*")]:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
