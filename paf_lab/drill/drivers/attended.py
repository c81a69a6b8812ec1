"""The drills that are run, with the sessions of the drivers at work meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from ...node import APPLICATION
from ..drill import Drill
from ..faults.postgres import KillPostgres
from ..faults.power import PowerOffPrimary
from ..faults.switchover import Switchover
from ..programs import ENDS_WITHIN, Program
from ..stage import Stage
from . import application
from .driver import ROUTES, Driver

AT_REST = 10.0  # s; a JVM needs some of them


class Attended(Drill):
    """Starts the sessions before the event, and ends them before the table is read."""

    def __init__(self) -> None:
        super().__init__()
        self.drivers: Sequence[Driver] = ()
        self.programs: dict[tuple[Driver, str], Program] = {}
        self.host = ""
        """The node whose HAProxy and PgBouncer they use: neither the primary's nor the next's."""

    def prepare(self, stage: Stage) -> None:
        super().prepare(stage)
        names = sorted(stage.names)
        self.host = names[(names.index(stage.primary) + 2) % len(names)]
        application.know(stage.settings.user, stage.password)
        for number, driver in enumerate(self.drivers):
            for route in ROUTES:
                client = name(number, route)
                command = driver.command(client, route, self.host, stage.settings)
                program = Program(APPLICATION, client, command, stage.directory)
                program.start()
                self.programs[driver, route] = program
        stage.say(f"{len(self.programs)} programs of drivers at work, through {self.host}")
        stage.rest(AT_REST)

    def finish(self, stage: Stage) -> None:
        for program in self.programs.values():
            program.ask_to_end()
        for program in self.programs.values():
            program.wait(ENDS_WITHIN)
        super().finish(stage)


class AttendedSwitchover(Attended, Switchover):
    """A planned switchover."""

    with_ratio = False  # the sessions take CPU from PostgreSQL


class AttendedCrash(Attended, KillPostgres):
    """A crash of the primary."""


class AttendedPowerOff(Attended, PowerOffPrimary):
    """The loss of the primary's node."""


def name(number: int, route: str) -> str:
    """Returns the name of a program, which is that of its sessions in the table, too."""
    return f"driver{number}-{route}"
