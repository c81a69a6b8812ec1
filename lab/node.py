"""One node: a systemd-nspawn container with a root, a network namespace and a control group."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from . import cgroup, network
from .errors import LabError
from .layout import ADDRESSES, DATABASE_NODES, POWER, RUN, SINK, STATE
from .shell import Done, run

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
READY = ("running", "degraded")


class Node:
    """A node by its name. Whether it runs is read off the system, not remembered."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = ADDRESSES[name]
        self.directory = STATE / name
        self.mount = self.directory / "root"

    def __repr__(self) -> str:
        return f"Node({self.name!r})"

    @property
    def leader(self) -> int | None:
        """The container's first process as the host sees it, or None."""
        for pid in sorted(cgroup.members(self.name)):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            spaces = [line for line in status.splitlines() if line.startswith("NSpid:")]
            if spaces and spaces[0].split()[2:] == ["1"]:
                return pid
        return None

    @property
    def running(self) -> bool:
        return self.leader is not None

    @property
    def root(self) -> Path:
        """The node's files, as seen from the host."""
        leader = self.leader
        return Path(f"/proc/{leader}/root") if leader else self.mount

    def lay_out(self, image: Path) -> None:
        """Mounts the node's root: the image below, its own writes above."""
        upper, work = self.directory / "upper", self.directory / "work"
        for path in (upper, work, self.mount):
            path.mkdir(parents=True, exist_ok=True)
        if not os.path.ismount(self.mount):
            options = f"lowerdir={image},upperdir={upper},workdir={work}"
            run(["mount", "-t", "overlay", f"paf-{self.name}", "-o", options, str(self.mount)])
        (self.mount / "etc/hostname").write_text(self.name + "\n")
        hosts = ["127.0.0.1 localhost", *(f"{ip} {name}" for name, ip in ADDRESSES.items())]
        (self.mount / "etc/hosts").write_text("\n".join(hosts) + "\n")

    def boot(self) -> None:
        """Starts the container; it outlives this process. Returns at once."""
        if self.running:
            return
        cgroup.kill(self.name)  # whatever a container that died has left
        POWER.mkdir(parents=True, exist_ok=True)
        command = [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe",
            f"--directory={self.mount}", f"--hostname={self.name}", "--resolv-conf=off",
            "--timezone=off", f"--network-namespace-path=/run/netns/{network.namespace(self.name)}",
            f"--bind={POWER}:/srv/power", "--boot",
        ]  # fmt: skip
        with (RUN / f"{self.name}.console").open("ab") as console:
            subprocess.Popen(
                cgroup.wrap(self.name, command),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                close_fds=True,
                cwd="/",
            )

    def await_ready(self, within: float = 90) -> None:
        """Returns once systemd has started everything. Raises LabError after `within` s."""
        end = time.monotonic() + within
        state = "not there"
        while time.monotonic() < end:
            if self.running:
                state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
                if state in READY:
                    return
            time.sleep(0.2)
        console = RUN / f"{self.name}.console"
        raise LabError(f"{self.name} has not booted in {within:g} s ({state}): see {console}")

    def enter(self, *argv: str, user: str | None = None) -> list[str]:
        """Returns the host's command that runs argv inside the node."""
        leader = self.leader
        if leader is None:
            raise LabError(f"{self.name} does not run: lab up")
        environment = [f"{key}={value}" for key, value in ENVIRONMENT.items()]
        environment.append(f"TERM={os.environ.get('TERM', 'dumb')}")
        who = ["runuser", "-u", user, "--"] if user else []
        space = ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-r", "-w"]
        return [*space, "--", "/usr/bin/env", "-i", *environment, *who, *argv]

    def run(
        self,
        *argv: str,
        user: str | None = None,
        input: str | None = None,
        timeout: float = 60,
        check: bool = True,
    ) -> Done:
        """Runs a program in the node. Raises LabError if it fails and check is set."""
        try:
            return run(self.enter(*argv, user=user), input=input, timeout=timeout, check=check)
        except LabError as error:
            text = str(error).rpartition(" -- ")[2]
            raise LabError(f"{self.name}: {text}") from error

    def popen(self, *argv: str, user: str | None = None, **options: Any) -> subprocess.Popen[str]:
        """Starts a program in the node; the caller ends it."""
        return subprocess.Popen(self.enter(*argv, user=user), text=True, **options)

    def power_off(self) -> None:
        """Cuts the node's power: every process is killed, nothing is written back."""
        cgroup.kill(self.name)

    def remove(self) -> None:
        """Takes away what is left of a node that does not run."""
        while os.path.ismount(self.mount):
            run(["umount", "--lazy", str(self.mount)])
        shutil.rmtree(self.directory, ignore_errors=True)


NODES = tuple(Node(name) for name in DATABASE_NODES)
LOG_SINK = Node(SINK)
ALL = (*NODES, LOG_SINK)


def named(name: str) -> Node:
    """Returns the node of that name. Raises LabError if there is none."""
    for node in ALL:
        if node.name == name:
            return node
    raise LabError(f"no node {name}: there are {', '.join(ADDRESSES)}")
