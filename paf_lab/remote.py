"""A machine behind ssh."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import LabError
from .layout import RUN
from .shell import Done, run

OPTIONS = (
    "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "ServerAliveCountMax=3",
    "-o", "ControlMaster=auto", "-o", f"ControlPath={RUN}/ssh-%C", "-o", "ControlPersist=30",
)  # fmt: skip
# A program that is asked to end by the end of its input must not outlive a lost connection either.
UNREACHABLE = 255
"""ssh's exit code for a failure of its own."""


class Remote:
    """ssh: the words that reach it, e.g. ('root@srv1',). orders: the commands of this machine that
    switch its power (power_off, power_on) and its network (cut_off, plug_in). slowness: how many
    times more time than usual it is given.
    """

    def __init__(
        self,
        name: str,
        address: str,
        ssh: Sequence[str],
        orders: Mapping[str, str],
        slowness: float = 1.0,
    ) -> None:
        self.name = name
        self.address = address
        self._ssh = tuple(ssh)
        self._orders = dict(orders)
        self._slowness = slowness
        self._patience = (
            "-o", f"ConnectTimeout={3 * slowness:.0f}",
            "-o", f"ServerAliveInterval={2 * slowness:.0f}",
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Remote({self.name!r})"

    @property
    def running(self) -> bool:
        return run(self._enter("true"), timeout=10 * self._slowness, check=False).returncode == 0

    def _enter(self, *argv: str, user: str | None = None) -> list[str]:
        who = ["runuser", "-u", user, "--"] if user else []
        # The first value counts: the inventory's before ours.
        return ["ssh", *self._ssh, *self._patience, *OPTIONS, "--", shlex.join([*who, *argv])]

    def run(
        self,
        *argv: str,
        user: str | None = None,
        input: str | None = None,
        timeout: float = 60,
        check: bool = True,
    ) -> Done:
        timeout *= self._slowness
        done = run(self._enter(*argv, user=user), input=input, timeout=timeout, check=False)
        if done.returncode == UNREACHABLE:
            raise LabError(f"{self.name}: ssh does not reach it: {_words(done)}")
        if check and done.returncode:
            what = shlex.join(argv)[-200:]
            raise LabError(f"{self.name}: {what} ended with {done.returncode}: {_words(done)}")
        return done

    def popen(self, *argv: str, user: str | None = None, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(self._enter(*argv, user=user), text=True, **options)

    def await_ready(self, within: float = 90) -> None:
        end = time.monotonic() + within * self._slowness
        while not self.running:
            if time.monotonic() > end:
                raise LabError(f"{self.name} cannot be reached after {within * self._slowness:g} s")
            time.sleep(1)
        # It waits by itself. "degraded" is its own matter.
        self.run("systemctl", "is-system-running", "--wait", timeout=within, check=False)

    def power_off(self) -> None:
        self._order("power_off")

    def boot(self, within: float = 20) -> None:
        self._order("power_on")

    def cut_off(self) -> None:
        self._order("cut_off")

    def plug_in(self) -> None:
        self._order("plug_in")

    def ip(self, *words: str, check: bool = True) -> None:
        try:
            self.run("ip", *words, check=check)
        except LabError:
            if check:
                raise  # else it is off, and forgets its routes

    def _order(self, name: str) -> None:
        command = self._orders.get(name)
        if not command:
            raise LabError(f"the inventory has no {name} for {self.name}: add the command to it")
        run(["sh", "-c", command], timeout=120)


def _words(done: Done) -> str:
    return " ".join((done.stderr.strip() or done.stdout.strip()).split())[-300:]
