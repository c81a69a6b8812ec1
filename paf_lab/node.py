"""One node: a systemd-nspawn container with a root, a network namespace and a control group."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import cgroup, container, network
from .errors import LabError
from .layout import (
    ADDRESSES,
    APP,
    DATABASE_NODES,
    RUN,
    SINK,
    SPARE_NODE,
)
from .root import Root
from .shell import Done, run

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}
READY = ("running", "degraded")


class Node(Root):
    """A node by its name. Whether it runs is read off the system, not remembered."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.address = ADDRESSES[name]

    def __repr__(self) -> str:
        return f"Node({self.name!r})"

    @property
    def running(self) -> bool:
        return container.leader(self.name) is not None

    @property
    def root(self) -> Path:
        """The node's files, as seen from the host."""
        leader = container.leader(self.name)
        return Path(f"/proc/{leader}/root") if leader else self.mount

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Lets one of us switch the node's power at a time: lab up, or the power daemon."""
        RUN.mkdir(parents=True, exist_ok=True)
        with (RUN / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def boot(self, within: float = 20) -> None:
        """Starts the container; it outlives this process. Returns once its systemd runs.

        Raises LabError if it does not after `within` s.
        """
        with self._alone():
            if not self.running:
                self._cut_power()  # whatever a container that died has left
                container.start(self.name, self.mount, within)

    def await_ready(self, within: float = 90) -> None:
        """Returns once systemd has started everything. Raises LabError after `within` s."""
        end = time.monotonic() + within
        state = "not there"
        while self.running and time.monotonic() < end:
            # It waits by itself, once systemd answers at all.
            words = ("timeout", str(within), "systemctl", "is-system-running", "--wait")
            state = self.run(*words, check=False, timeout=within + 5).stdout.strip()
            if state in READY:
                return
            time.sleep(0.1)
        console = container.console(self.name)
        raise LabError(f"{self.name} has not booted in {within:g} s ({state}): see {console}")

    def enter(self, *argv: str, user: str | None = None) -> list[str]:
        """Returns the host's command that runs argv inside the node.

        It is in the node's control group then, and dies with the node.
        """
        leader = container.leader(self.name)
        if leader is None:
            raise LabError(f"{self.name} does not run: lab up")
        environment = [f"{key}={value}" for key, value in ENVIRONMENT.items()]
        environment.append(f"TERM={os.environ.get('TERM', 'dumb')}")
        environment.append(f"HOME={self._home(user or 'root')}")
        who = ["runuser", "-u", user, "--"] if user else []
        space = ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-r", "-w"]
        command = [*space, "--", "/usr/bin/env", "-i", *environment, *who, *argv]
        return cgroup.wrap(f"{self.name}/{cgroup.ENTERED}", command)

    def _home(self, user: str) -> str:
        for line in (self.mount / "etc/passwd").read_text().splitlines():
            fields = line.split(":")
            if fields[0] == user:
                return fields[5]
        raise LabError(f"{self.name} has no user {user}")

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
        """Cuts the node's power: every process is killed, nothing is written back or said."""
        with self._alone():
            self._cut_power()

    def _cut_power(self) -> None:
        network.power(self.name, on=False)
        cgroup.kill(self.name)

    def cut_off(self) -> None:
        """Pulls the node's network cable."""
        network.link(self.name, up=False)

    def plug_in(self) -> None:
        """Plugs it in again."""
        network.link(self.name, up=True)

    def ip(self, *words: str, check: bool = True) -> None:
        """Runs `ip` on the node's network, which outlives the node."""
        run(["ip", "-n", network.namespace(self.name), *words], check=check)

    def reset(self, off: threading.Event, seconds: float) -> None:
        """Cuts the power, sets `off`, and boots the node `seconds` later, not sooner."""
        with self._alone():
            self._cut_power()
            off.set()
            time.sleep(seconds)
            container.start(self.name, self.mount, within=20)


NODES = tuple(Node(name) for name in DATABASE_NODES)
LOG_SINK = Node(SINK)
ALL = (*NODES, LOG_SINK)
SPARE = Node(SPARE_NODE)
APPLICATION = Node(APP)


def named(name: str) -> Node:
    """Returns the node of that name. Raises LabError if there is none."""
    for node in (*ALL, SPARE, APPLICATION):
        if node.name == name:
            return node
    raise LabError(f"no node {name}: there are {', '.join(node.name for node in ALL)}")
