"""What the programs of a drill have told so far, and waiting with a deadline."""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..errors import LabError
from ..machine import Machine
from . import cluster, timeline
from .programs import Program
from .records import ACK, DOWN, Attempt, Record, RoleSeen, ServersSeen, Sighting
from .target import Target
from .timeline import Event, Narrator, View

LOOK_EVERY = 0.1  # s
REVIVE_EVERY = 2.0  # s between two attempts to start a program whose node was down


class Listener:
    """Keeps what the programs tell. directory: where their output is."""

    def __init__(self, target: Target, directory: Path, view: View) -> None:
        self.target = target
        self.nodes = {node.name: node for node in target.nodes}
        self.settings = target.settings
        self.directory = directory
        self.primary = ""
        """The primary when the drill began."""
        self.started = 0.0
        """When the event was about to be brought about, s of the epoch."""
        self.died: set[str] = set()
        """Nodes that went down, and all their programs with them; those are started again once the
        node is back."""
        self.left: dict[str, float] = {}
        """When the drill took a node down on purpose, s of the epoch."""
        self.repairs: list[str] = []
        """What the drill did to the cluster that a person would have had to do."""
        self.cleared = 0
        """How often it cleared the failures that Pacemaker had on record."""
        self.sightings: list[Sighting] = []
        """What the drill saw of its own work by asking the nodes."""
        self.leftovers: list[str] = []
        """What was left over before the drill itself ended something, in words."""
        self.until = math.inf
        """The moment of time.monotonic() from which on nobody waits: see `bounded`."""
        self.out_of_touch: set[str] = set()
        """Nodes that cannot tell how the cluster is: cut off from it by the drill."""
        self.records: list[Record] = []
        self.events: list[Event] = []
        self.roles: dict[str, str] = {}
        self.servers: dict[str, cluster.States | None] = {}
        self._outcomes: Counter[str] = Counter()
        self._acks: Counter[str] = Counter()
        self._programs: list[Program] = []
        self._revive: dict[str, float] = {}
        self._narrator = Narrator(self.addresses)
        self._view = view
        self._phase = ""

    @property
    def addresses(self) -> dict[str, str]:
        return {name: node.address for name, node in self.nodes.items()}

    @property
    def names(self) -> list[str]:
        return list(self.nodes)

    @property
    def anyone(self) -> Machine:
        """A node that runs, and is not out of touch if another is not."""
        running = [node for node in self.nodes.values() if node.running]
        for node in running:
            if node.name not in self.out_of_touch | self.died:
                return node
        if running:
            return running[0]
        raise LabError("no node runs: lab up")

    def say(self, text: str, node: str = "") -> None:
        """Puts what the drill itself does into the timeline."""
        event = Event(time.time(), node, timeline.DRILL, text)
        self.events.append(event)
        self._phase = text
        self._view.update(text, [event], self._outcomes)

    def leaves(self, node: str) -> None:
        """Notes that the drill takes a node down from now on."""
        self.died.add(node)
        self.left[node] = time.time()

    def saw(self, what: str, node: str, number: int = 1) -> None:
        """Notes that the node itself showed this when it was asked."""
        self.sightings.append(Sighting(time.time(), node, what, number))

    def repair(self, what: str, node: str) -> None:
        """Notes that a person would have had to do this."""
        self.repairs.append(f"{node}: {what}")
        self.say(what, node)

    @staticmethod
    def fail_if(what: object, text: str) -> None:
        """Raises LabError with the text if there is something."""
        if what:
            raise LabError(text)

    def look(self) -> None:
        """Takes in what the programs have told since the last time."""
        self._take_in(self._programs)

    def _take_in(self, found: Sequence[Program]) -> None:
        events: list[Event] = []
        for program in found:
            for record in [*program.new(), *self._mourn(program)]:
                self.records.append(record)
                events += self._narrator.tell(record)
                self._remember(record)
        events.sort(key=lambda event: event.at)
        self.events += events
        self._view.update(self._phase, events, self._outcomes)

    def _mourn(self, program: Program) -> list[Record]:
        """Sees to a program that ended in the middle of the drill. Returns what that means."""
        if not program.ended() or program not in self._programs:
            return []
        name = program.node.name
        told: list[Record] = []
        if not program.node.running and name not in self.died:
            self.died.add(name)
            now = time.time()
            told = [RoleSeen(name, now, now, DOWN), ServersSeen(name, now, now, None)]
        elif program.node.running and time.monotonic() > self._revive.get(program.name, 0):
            self._revive[program.name] = time.monotonic() + REVIVE_EVERY
            self.died.add(name)
            with contextlib.suppress(LabError):  # it went down again
                program.start()
        return told

    def _remember(self, record: Record) -> None:
        if isinstance(record, RoleSeen):
            self.roles[record.node] = record.role
        elif isinstance(record, ServersSeen):
            self.servers[record.node] = record.states
        elif isinstance(record, Attempt):
            self._outcomes[record.outcome] += 1
            self._acks[record.client] += record.outcome == ACK

    def rest(self, seconds: float) -> None:
        """Lets time pass: so many seconds on machines like the lab's."""
        end = min(self.until, time.monotonic() + seconds * self.settings.slowness)
        while time.monotonic() < end:
            self.look()
            time.sleep(min(LOOK_EVERY, max(0.0, end - time.monotonic())))

    @contextlib.contextmanager
    def bounded(self, seconds: float) -> Iterator[None]:
        """Ends every pause and every wait of the block after so many seconds."""
        self.until = time.monotonic() + seconds * self.settings.slowness
        try:
            yield
        finally:
            self.until = math.inf

    def wait(
        self, lacking: Callable[[], str], within: float | None = None, every: float = LOOK_EVERY
    ) -> None:
        """Returns once `lacking` returns nothing. Raises LabError with what it said last."""
        seconds = (self.settings.deadline if within is None else within) * self.settings.slowness
        end = min(self.until, time.monotonic() + seconds)
        while True:
            self.look()
            why = lacking()
            if not why:
                return
            if time.monotonic() > end:
                raise LabError(f"not within {seconds:g} s: {why}")
            self.rest(every)
