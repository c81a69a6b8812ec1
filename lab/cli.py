"""The command `lab`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import click
from rich.console import Console

from . import cgroup, cluster, host, image, network, power
from .drill.cli import bench, drill
from .errors import LabError
from .forward import forward_ports
from .layout import CACHE, RUN, STATE
from .node import ALL, LOG_SINK, NODES, named
from .status import show

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


class Group(click.Group):
    """Turns a LabError into one line and exit code 1, for all commands."""

    def invoke(self, context: click.Context) -> object:
        """Runs the command."""
        try:
            return super().invoke(context)
        except LabError as error:
            errors.print(f"lab: {error}", style="red", markup=False, soft_wrap=True)
            context.exit(1)
        except KeyboardInterrupt:
            context.exit(130)


@click.group(cls=Group)
def main() -> None:
    """Three PostgreSQL nodes and a log sink on this machine: PAF, HAProxy, fencing, drills."""


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Shows what is being done, then how long it took."""
    start = time.monotonic()
    with console.status(text):
        yield
    console.print(f"{time.monotonic() - start:6.1f} s  {text}")


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Keeps two of us from building and razing the lab at a time."""
    host.check()
    RUN.mkdir(parents=True, exist_ok=True)
    with (RUN / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LabError("another lab up or lab down is at work: wait for it") from error
        yield


@main.command()
def up() -> None:
    """Boots the cluster, or what is missing of it."""
    with locked():
        start = time.monotonic()
        if packages := host.missing():
            with step(f"install {' '.join(packages)}"):
                host.install(packages)
        with step("image"):
            base = image.build()
        with step("network and power switch"):
            network.up()
            power.start()
        with step("boot"):
            for node in ALL:
                node.lay_out(base)
                node.boot()
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda node: node.await_ready(), ALL))
        with step("agent and logs"), ThreadPoolExecutor() as pool:
            list(pool.map(cluster.prepare, ALL))
        if not (NODES[0].root / "etc/corosync/corosync.conf").exists():
            with step("PostgreSQL"):
                cluster.databases()
            with step("cluster"):
                cluster.join()
        else:
            with step("cluster"):
                cluster.start()
        if not cluster.formed():
            with step("resources"):
                cluster.configure()
        with step("primary, standbys, HAProxy"):
            cluster.await_healthy()
        console.print(f"{time.monotonic() - start:6.1f} s  up: primary {cluster.promoted()}")


@main.command()
@click.option("--purge", is_flag=True, help="Remove the image too.")
def down(purge: bool) -> None:
    """Removes the lab: processes, mounts, namespaces, control groups and files."""
    with locked():
        power.stop()
        cgroup.kill(image.BUILD)
        for node in ALL:
            node.power_off()
        for node in ALL:
            node.remove()
        cgroup.remove_parent()
        network.down()
        subprocess.run(["rm", "-rf", str(STATE / "secrets")], check=True)
        if purge:
            subprocess.run(["rm", "-rf", str(CACHE), str(STATE)], check=True)
        for file in [*RUN.glob("*.console"), *RUN.glob("power*")]:
            subprocess.run(["rm", "-rf", str(file)], check=True)
    console.print("the lab is down")


@main.command()
def status() -> None:
    """Shows the nodes, Pacemaker, PostgreSQL and HAProxy."""
    sys.exit(show(console))


@main.command()
@click.argument("node")
def shell(node: str) -> None:
    """Opens a shell in NODE."""
    command = named(node).enter("bash", "-l")
    os.execvp(command[0], command)  # noqa: S606 - that is what a shell is


@main.command(
    "exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("node")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(node: str, command: tuple[str, ...]) -> None:
    """Runs COMMAND in NODE; its exit code is ours."""
    words = command[1:] if command[0] == "--" else command
    sys.exit(subprocess.run(named(node).enter(*words), check=False).returncode)


@main.command()
@click.argument("node", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on as lines arrive.")
@click.option("-n", "--lines", default=50, show_default=True, help="How many of the last lines.")
def logs(node: str | None, follow: bool, lines: int) -> None:
    """Shows what log-sink received, of NODE or of all."""
    names = [named(node).name] if node else [each.name for each in NODES]
    files = [f"/var/log/{name}/syslog" for name in names]
    options = ["-F", "-q"] if follow else ["-q"]
    command = LOG_SINK.enter("tail", *options, "-n", str(lines), *files)
    sys.exit(subprocess.run(command, check=False).returncode)


@main.command()
@click.argument("nodes", nargs=-1)
def forward(nodes: tuple[str, ...]) -> None:
    """Brings ports of NODES (all) to the host's loopback, until Ctrl-C."""
    forward_ports([named(name) for name in nodes] or list(NODES), console)


@main.command("install-agent")
def install_agent() -> None:
    """Puts the agent of this source tree onto all running nodes."""
    for node in NODES:
        if node.running:
            cluster.install_agent(node)


main.add_command(drill)
main.add_command(bench)
