"""One node: a systemd-nspawn container with a root, a network namespace and a control group."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import cgroup, disk, image, network
from .errors import LabError
from .layout import (
    ADDRESSES,
    APP,
    DATABASE_NODES,
    POWER,
    PREFIX,
    RUN,
    SINK,
    SPARE_NODE,
    STATE,
)
from .shell import Done, run

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}
READY = ("running", "degraded")
NOT_FOR_THE_SINK = ("pcsd.service", "pcsd-ruby.service")


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

    @property
    def image(self) -> Path | None:
        """The image on which the node stands, or None while it has nothing of its own."""
        link = self.directory / "image"
        if link.is_symlink() and link.exists():
            return link.resolve()
        return image.mounted().get(self.mount)

    def lay_out(self, base: Path) -> None:
        """Mounts the node's root: its image below (base if it has none yet), its writes above."""
        upper, work = self.directory / "upper", self.directory / "work"
        if self.image is None:
            self.remove()  # without its image, what it once wrote is of no use
        base = self.image or base
        self.directory.mkdir(parents=True, exist_ok=True)
        link = self.directory / "image"
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(base)
        for path in (upper, work, self.mount):
            path.mkdir(parents=True, exist_ok=True)
        if not os.path.ismount(self.mount):
            options = f"lowerdir={base},upperdir={upper},workdir={work}"
            run(["mount", "-t", "overlay", f"{PREFIX}{self.name}", "-o", options, str(self.mount)])
        if self.name not in (SINK, APP) and disk.usable(self.mount) and not self.running:
            disk.attach(self.directory / "postgresql.ext4", self.mount)
        (self.mount / "etc/hostname").write_text(self.name + "\n")
        hosts = ["127.0.0.1 localhost", *(f"{ip} {name}" for name, ip in ADDRESSES.items())]
        (self.mount / "etc/hosts").write_text("\n".join(hosts) + "\n")
        for unit in NOT_FOR_THE_SINK if self.name == SINK else ():
            link = self.mount / "etc/systemd/system" / unit
            if not link.is_symlink():
                link.symlink_to("/dev/null")

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
                self._start(within)

    def _start(self, within: float) -> None:
        POWER.mkdir(parents=True, exist_ok=True)
        network.power(self.name, on=True)
        command = [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe",
            f"--directory={self.mount}", f"--hostname={self.name}", "--resolv-conf=off",
            "--timezone=off", f"--network-namespace-path=/run/netns/{network.namespace(self.name)}",
            # What a machine may do with its own network: addresses, packet filters.
            "--capability=CAP_NET_ADMIN",
            f"--bind={POWER}:/srv/power", "--boot",
        ]  # fmt: skip
        log = RUN / f"{self.name}.console"
        with log.open("ab") as console:
            container = subprocess.Popen(
                cgroup.wrap(self.name, command),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                close_fds=True,
                cwd="/",
            )
        end = time.monotonic() + within
        while not self.running:
            if container.poll() is not None or time.monotonic() > end:
                said = log.read_text(errors="replace").strip().splitlines() or ["nothing"]
                raise LabError(f"{self.name} does not boot: systemd-nspawn said: {said[-1]}")
            time.sleep(0.05)

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
        console = RUN / f"{self.name}.console"
        raise LabError(f"{self.name} has not booted in {within:g} s ({state}): see {console}")

    def enter(self, *argv: str, user: str | None = None) -> list[str]:
        """Returns the host's command that runs argv inside the node.

        It is in the node's control group then, and dies with the node.
        """
        leader = self.leader
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
            self._start(within=20)

    def remove(self) -> None:
        """Takes away what is left of a node that does not run."""
        disk.speed_up(self.name)
        disk.detach(self.mount)
        while os.path.ismount(self.mount):
            if run(["umount", str(self.mount)], check=False).returncode:
                run(["umount", "--lazy", str(self.mount)])  # somebody's shell is in there
        shutil.rmtree(self.directory, ignore_errors=True)


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
