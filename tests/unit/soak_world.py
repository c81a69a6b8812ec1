"""Legal histories for the oracle, of a cluster that keeps what it acknowledges; and a round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from paf_lab.soak.burst import Outcome
from paf_lab.soak.history import (
    ACK,
    FAILED,
    LIFE,
    READ,
    REFUSED,
    UNKNOWN,
    WRITE,
    History,
    Operation,
    Row,
)
from paf_lab.soak.oracle import Violation
from paf_lab.soak.round import Round
from paf_lab.soak.schedule import PRIMARY, Entry

WRITERS = ("srv1/writer", "srv2/writer")
READERS = ("srv1/reader", "srv3/reader")
SERVERS = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
KILL = Entry(1, 1.0, "kill-postgres", PRIMARY, 0.0)


@dataclass
class World:
    """Operations take effect one after another, and overlap in time. now: s."""

    random: Random
    now: float = 100.0
    server: str = SERVERS[0]
    timeline: int = 1
    lsn: int = 1000
    operations: list[Operation] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    free: dict[str, float] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)

    def _span(self, client: str) -> tuple[float, float]:
        """Returns a time around the effect in which the client does nothing else."""
        self.now = max(self.now, self.free.get(client, 0.0)) + self.random.uniform(0.001, 0.1)
        start = max(self.free.get(client, 0.0), self.now - self.random.uniform(0, 0.5))
        end = self.now + self.random.uniform(0.0001, 0.5)
        self.free[client] = end
        return start, end

    def _sequence(self, client: str) -> int:
        self.last[client] = self.last.get(client, LIFE) + 1
        return self.last[client]

    def write(self, outcome: str = ACK, there: bool = True, logged: bool = True) -> None:
        """there: whether the row is in the table. logged: whether the client lived to tell."""
        client = self.random.choice(WRITERS)
        start, end = self._span(client)
        sequence, value = self._sequence(client), self.random.getrandbits(31)
        acked = outcome == ACK
        found = Operation(
            kind=WRITE,
            client=client,
            session=1,
            sequence=sequence,
            start=start,
            end=end,
            outcome=outcome,
            value=value,
            server=self.server if acked else None,
            recovery=False if acked else None,
            timeline=self.timeline if acked else 0,
            lsn=self.lsn if acked else 0,
        )
        if there:
            self.lsn += self.random.randint(1, 50)
            self.rows.append(Row(client, sequence, value))
        if logged:
            self.operations.append(found)
        else:  # the client is started again
            self.last[client] = (sequence // LIFE + 1) * LIFE

    def read(self) -> None:
        client, counter = self.random.choice(READERS), self.random.choice(WRITERS)
        start, end = self._span(client)
        seen = max((row.sequence for row in self.rows if row.client == counter), default=0)
        found = Operation(
            kind=READ,
            client=client,
            session=1,
            sequence=self._sequence(client),
            start=start,
            end=end,
            outcome=ACK,
            value=seen,
            counter=counter,
            server=self.server,
            recovery=False,
        )
        self.operations.append(found)

    def promote(self, server: str | None = None) -> None:
        """Lets a server begin a new timeline: another one, or the same after a crash."""
        self.now += 1.0
        self.server = server or self.random.choice(SERVERS)
        self.timeline += 1

    def history(self) -> History:
        rows = list(self.rows)
        self.random.shuffle(rows)
        ordered = sorted(self.operations, key=lambda each: each.start)
        return History(tuple(ordered), tuple(rows))


def legal(seed: int, steps: int) -> World:
    """Returns a world in which two servers have acknowledged writes, and clients have read them."""
    world = World(Random(seed))
    deeds: tuple[Callable[[], None], ...] = (
        world.write,
        world.write,
        world.read,
        world.read,
        world.promote,
        lambda: world.write(UNKNOWN, there=True),
        lambda: world.write(UNKNOWN, there=False),
        lambda: world.write(REFUSED, there=False),
        lambda: world.write(FAILED, there=False),
        lambda: world.write(there=True, logged=False),
    )
    for server in SERVERS[:2]:
        world.promote(server)
        for _ in range(4):
            world.write()
            world.read()
    for _ in range(steps):
        world.random.choice(deeds)()
    return world


def changed(history: History, old: Operation, **fields: object) -> History:
    """Returns the history with one operation told otherwise."""
    told = (replace(old, **fields) if each is old else each for each in history.operations)  # type: ignore[arg-type]
    return replace(history, operations=tuple(sorted(told, key=lambda each: each.start)))


def a_round(number: int, *violations: Violation, skipped: str = "", stuck: str = "") -> Round:
    """Returns a round with these violations, and one fault."""
    return Round(
        number=number, outcomes=(Outcome(KILL, skipped),), violations=violations,
        operations={"write": {"ack": 10}}, stray_reads=1, without_writes=float(number),
        whole_after=30.0, rebuilt=("srv1",), totals={}, stuck=stuck,
    )  # fmt: skip
