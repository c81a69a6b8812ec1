"""The clients of a round: one program on each node, started again if it dies with its node."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..drill.programs import CLIENTS, ENDS_WITHIN, Program
from ..drill.settings import Settings
from ..errors import LabError
from ..machine import Machine
from . import history
from .history import ACK, Operation

EVERY = {"writer": 0.2, "connecting": 0.5, "reader": 0.2, "stdby": 0.5}
"""s from the start of one operation to the next, by kind of client."""
WRITERS = ("writer", "connecting")
SECONDS = 3600.0
"""s after which a program ends by itself, if nobody has ended it."""
PATIENCE = 10.0
"""s that an operation which is under way may take at the end."""
USER = "app"
"""Its password is in every node's ~/.pgpass."""


class Attendance:
    """The clients at work, from `start` to `stop`. directory: where their logs are."""

    def __init__(self, nodes: Sequence[Machine], access: Settings, number: int, directory: Path):
        self.directory = directory
        self.clients = frozenset(f"{node.name}/{kind}" for node in nodes for kind in EVERY)
        counters = [f"{node.name}/{kind}" for node in nodes for kind in WRITERS]
        source = (CLIENTS / "soak.py").read_text()
        self._programs = [
            Program(
                node, "soak", ("python3", "-c", source), directory,
                settings(access, node.name, number, counters),
            )
            for node in nodes
        ]  # fmt: skip

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Lets the clients work meanwhile."""
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            for program in self._programs:
                program.start()
            yield
        finally:
            for program in self._programs:
                program.ask_to_end()
            for program in self._programs:
                program.wait(PATIENCE + ENDS_WITHIN)

    def tend(self) -> None:
        """Starts the clients again on nodes that were down and run now."""
        for program in self._programs:
            if program.ended() and program.node.running:
                with contextlib.suppress(LabError):  # it went down again
                    program.start()

    def operations(self) -> tuple[Operation, ...]:
        """Returns what the clients have told so far."""
        return history.read(self.directory)

    def unserved(self, since: float) -> str:
        """Returns in a line which client has not had a good answer to an operation that it began
        since then (monotonic s); '' if all have.
        """
        served = {
            each.client for each in self.operations() if each.outcome == ACK and each.start > since
        }
        return ", ".join(sorted(self.clients - served))


def settings(
    access: Settings, node: str, number: int, counters: Sequence[str]
) -> dict[str, object]:
    """Returns what paf_lab/clients/soak.py takes. number: of the round. counters: all writers."""
    return {
        "node": node,
        "round": number,
        "counters": list(counters),
        "every": EVERY,
        "seconds": SECONDS,
        "patience": PATIENCE,
        "prod_port": access.prod_port,
        "stdby_port": access.stdby_port,
        "connect": {
            "host": "127.0.0.1",
            "dbname": access.database,
            "user": USER,
            "connect_timeout": int(access.patience),
            "sslmode": "disable",
            "gssencmode": "disable",
        },
    }
