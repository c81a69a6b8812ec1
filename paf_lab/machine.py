"""What a drill needs of a node: the lab's containers have it, and so do machines behind ssh."""

from __future__ import annotations

import subprocess
from typing import Any, Protocol

from .shell import Done


class Machine(Protocol):
    """A node by its name; address is what its PostgreSQL answers with."""

    name: str
    address: str

    @property
    def running(self) -> bool:
        """Whether it is there."""

    def run(
        self,
        *argv: str,
        user: str | None = None,
        input: str | None = None,
        timeout: float = 60,
        check: bool = True,
    ) -> Done:
        """Runs a program on it as root or as `user`. Raises LabError if it fails and check is
        set, or if it does not end.
        """

    def popen(self, *argv: str, user: str | None = None, **options: Any) -> subprocess.Popen[str]:
        """Starts a program on it, which ends when its standard input is closed."""

    def await_ready(self, within: float = 90) -> None:
        """Returns once it has booted. Raises LabError after `within` s."""

    def power_off(self) -> None:
        """Cuts its power: nothing is written back."""

    def boot(self, within: float = 20) -> None:
        """Gives it power again."""

    def cut_off(self) -> None:
        """Pulls its network cable."""

    def plug_in(self) -> None:
        """Plugs it in again."""

    def ip(self, *words: str, check: bool = True) -> None:
        """Runs `ip` on its network, also while it is off if there is a way."""
