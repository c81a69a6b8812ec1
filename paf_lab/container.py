"""The container of a node: its first process, and its start."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from . import cgroup, network
from .errors import LabError
from .layout import POWER, RUN


def leader(name: str) -> int | None:
    """Returns the pid of the container's first process as the host sees it; None if it does not
    run.
    """
    return host_pid(name, 1)


def host_pid(name: str, inside: int) -> int | None:
    """Returns the pid, as the host sees it, of the process that has the pid `inside` in the
    container; None if there is none.
    """
    for pid in sorted(cgroup.members(name)):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        spaces = [line for line in status.splitlines() if line.startswith("NSpid:")]
        if spaces and spaces[0].split()[2:] == [str(inside)]:
            return pid
    return None


def console(name: str) -> Path:
    """Returns the file that the container's console is written to."""
    return RUN / f"{name}.console"


def start(name: str, root: Path, within: float) -> None:
    """Starts the container; it outlives this process. Returns once its systemd runs.

    Raises LabError if it does not after `within` s.
    """
    POWER.mkdir(parents=True, exist_ok=True)
    network.power(name, on=True)
    command = [
        "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe",
        f"--directory={root}", f"--hostname={name}", "--resolv-conf=off",
        "--timezone=off", f"--network-namespace-path=/run/netns/{network.namespace(name)}",
        # What a machine may do with its own network: addresses, packet filters.
        "--capability=CAP_NET_ADMIN",
        f"--bind={POWER}:/srv/power", "--boot",
    ]  # fmt: skip
    log = console(name)
    with log.open("ab") as output:
        container = subprocess.Popen(
            cgroup.wrap(name, command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            close_fds=True,
            cwd="/",
        )
    end = time.monotonic() + within
    while leader(name) is None:
        if container.poll() is not None or time.monotonic() > end:
            said = log.read_text(errors="replace").strip().splitlines() or ["nothing"]
            raise LabError(f"{name} does not boot: systemd-nspawn said: {said[-1]}")
        time.sleep(0.05)
