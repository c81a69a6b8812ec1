"""The command `lab`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from . import agent, display, host, image, lifecycle, lock, mounts, rejoin, ssh, topology
from .bench.cli import bench
from .compare.cli import compare
from .compare.growth import grow
from .drill.cli import drill
from .errors import LabError
from .forward import forward_ports
from .migrate import migrate
from .node import LOG_SINK, NODES, named
from .shell import run
from .soak.cli import soak
from .status import show

console = display.new_console()
errors = display.new_console(error=True)


class Group(click.Group):
    """Turns a LabError into one line and exit code 1, for all commands."""

    def invoke(self, context: click.Context) -> object:
        """Runs the command."""
        try:
            return super().invoke(context)
        except LabError as error:
            errors.print(f"lab: {error}", style="red", markup=False, soft_wrap=True)
            context.exit(1)
        except (OSError, subprocess.SubprocessError) as error:
            errors.print(f"lab: {error}", style="red", markup=False, soft_wrap=True)
            context.exit(1)
        except KeyboardInterrupt:
            context.exit(130)


@click.group(cls=Group)
def main() -> None:
    """Three PostgreSQL nodes and a log sink on this machine: PAF, HAProxy, fencing, drills."""
    if "--help" not in sys.argv:
        host.check_root()
        mounts.enter()


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Shows what is being done, then how long it took."""
    start = time.monotonic()
    with console.status(text):
        yield
    console.print(f"{time.monotonic() - start:6.1f} s  {text}")


@main.command()
@click.option("--topology", "name", metavar="NAME", help=f"One of {', '.join(topology.ALL)}.")
def up(name: str | None) -> None:
    """Boots the cluster, or what is missing of it.

    The topology is that of the nodes that there are, or paf-haproxy; the others are what one would
    have instead, for comparison.
    """
    start = time.monotonic()
    host.check()
    note = lifecycle.up(step, name)
    leads = topology.named(lifecycle.built()).primary()
    console.print(f"{time.monotonic() - start:6.1f} s  up: primary {leads}")
    if note:
        console.print(note, markup=False)


@main.command()
@click.option("--purge", is_flag=True, help="Remove the image and the drills' records too.")
def down(purge: bool) -> None:
    """Removes the lab: processes, mounts, namespaces, control groups and files."""
    lifecycle.down(purge)
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
            changed = agent.install(node)
            console.print(f"{node.name}: {'installed' if changed else 'the same already'}")


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def inventory(file: Path) -> None:
    """Writes FILE, with which drills reach the lab over ssh like any other cluster."""
    ssh.describe(file, rejoin.REBUILD)
    console.print(f"lab drill switchover --inventory {file}", markup=False, soft_wrap=True)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def box(file: Path) -> None:
    """Writes FILE, a box for Vagrant's libvirt provider made of Debian packages.

    The nodes' packages are in it, so that nothing is left to install.
    """
    if missing := host.missing(host.BOX_PACKAGES):
        with step(f"packages: {' '.join(missing)}"):
            host.install(missing)
    with step("root file system"), lock.locked():
        root = image.build(image.BOX)
    with step("disk"):
        disk = str(image.PROVISION / "vagrant-disk.sh")
        run(["unshare", "--mount", "bash", disk, str(root), str(file)], timeout=900)
    console.print(f"vagrant box add --name {file.stem} {file}", markup=False, soft_wrap=True)


main.add_command(drill)
main.add_command(bench)
main.add_command(compare)
main.add_command(grow)
main.add_command(migrate)
main.add_command(soak)
