"""What is done to each topology: asked of it, or broken under it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..bench import dirty
from ..drill import commands
from ..drill.faults.postgres import signal
from ..drill.records import DOWN, PRIMARY, ServersSeen
from ..drill.stage import Stage
from ..drill.target import LabTarget
from ..errors import LabError
from ..node import Node, named
from ..recovery import CONNECT_EVERY

SEEN_WITHIN = 10.0  # s
SETTLED_WITHIN = 60.0  # s
TAKEN_OVER_WITHIN = 180.0  # s: four times what Patroni's default ttl allows for
WHOLE_WITHIN = TAKEN_OVER_WITHIN + SETTLED_WITHIN


class Fault:
    """expected: the node that must be primary afterwards; None: any."""

    name = ""
    summary = ""

    def applies(self, target: LabTarget) -> bool:
        """Returns whether there is anything of the kind to break."""
        return True

    def expected(self, stage: Stage, target: LabTarget) -> str | None:
        return None

    def arranged(self, target: LabTarget) -> contextlib.AbstractContextManager[None]:
        """Lets the cluster be as the fault needs it, from before the trial until after it."""
        return contextlib.nullcontext()

    def prepare(self, stage: Stage, target: LabTarget) -> None:
        """Does what must be there before the event, while the clients work already."""

    def inject(self, stage: Stage, target: LabTarget) -> None:
        """Does it, and returns once it has shown."""
        raise NotImplementedError

    def undo(self, stage: Stage, target: LabTarget) -> None:
        """Takes back what would not go away by itself."""


class Switchover(Fault):
    """To the next node that can take over, by the means of whoever manages PostgreSQL."""

    name = "switchover"
    summary = "planned switchover"

    def expected(self, stage: Stage, target: LabTarget) -> str:
        return target.topology.candidate(stage.primary)

    def inject(self, stage: Stage, target: LabTarget) -> None:
        candidate = self.expected(stage, target)
        stage.say(f"switch over from {stage.primary} to {candidate}")
        self.ask(target, stage.primary, candidate)
        stage.wait(lambda: _no_primary(stage, candidate), TAKEN_OVER_WITHIN)
        # Any sooner, and what a switchover leaves behind is missed: PAF has not set its scores yet.
        stage.wait(target.topology.lacking, SETTLED_WITHIN, every=CONNECT_EVERY)

    def ask(self, target: LabTarget, old: str, new: str) -> None:
        target.topology.move(old, new)

    def undo(self, stage: Stage, target: LabTarget) -> None:
        target.topology.moved()


class DirtySwitchover(Switchover):
    """The same with the command that the topology's documentation names, which may write the
    buffers back before PostgreSQL stops. The burden is that of `lab bench dirty`.
    """

    name = "dirty-switchover"
    summary = "planned switchover with 1 GB of dirty buffers"

    @contextlib.contextmanager
    def arranged(self, target: LabTarget) -> Iterator[None]:
        target.topology.await_whole(WHOLE_WITHIN)
        with target.topology.configured(dirty.SETTINGS):
            try:
                commands.psql(_leader(target), target.settings, dirty.MAKE)
                yield
            finally:
                target.topology.await_whole(WHOLE_WITHIN)
                commands.psql(_leader(target), target.settings, dirty.DROP)

    def prepare(self, stage: Stage, target: LabTarget) -> None:
        primary = stage.nodes[stage.primary]
        commands.psql(primary, stage.settings, dirty.CHANGE)
        found = int(commands.psql(primary, stage.settings, dirty.COUNT))
        stage.say(f"{found >> 20} MB are to be written back", stage.primary)
        stage.fail_if(found < dirty.LEAST, f"{found >> 20} MB are dirty, not {dirty.LEAST >> 20}")

    def ask(self, target: LabTarget, old: str, new: str) -> None:
        target.topology.switch_over(old, new)


class Poweroff(Fault):
    """The node gets its power back by the fencing, or when another is primary."""

    name = "poweroff"
    summary = "power-off of the primary's node"

    def inject(self, stage: Stage, target: LabTarget) -> None:
        old = stage.primary
        stage.say("power off", old)
        stage.nodes[old].power_off()
        stage.wait(lambda: "" if old in stage.died else f"{old} still runs", SEEN_WITHIN)
        others = [name for name in stage.names if name != old]
        stage.wait(lambda: _no_primary(stage, *others), TAKEN_OVER_WITHIN)

    def undo(self, stage: Stage, target: LabTarget) -> None:
        node = stage.nodes[stage.primary]
        if not target.topology.fences and not node.running:
            stage.say("power on", node.name)
            node.boot()
        stage.wait(lambda: "" if node.running else f"{node.name} is off", within=60)
        node.await_ready()


class KillPostgres(Fault):
    """Whoever manages PostgreSQL starts it again, or promotes another."""

    name = "kill-postgres"
    summary = "kill -9 of the primary's postmaster"

    def inject(self, stage: Stage, target: LabTarget) -> None:
        node = stage.nodes[stage.primary]
        stage.say(f"kill -9 {signal(stage, node, 'KILL')}, the postmaster", node.name)
        stage.wait(lambda: "" if _was(stage, node.name, DOWN) else "it answers", SEEN_WITHIN)
        stage.wait(lambda: _no_primary(stage, *stage.names), TAKEN_OVER_WITHIN)


class KillHaproxy(Fault):
    """Whoever started it starts it again."""

    name = "kill-haproxy"
    summary = "kill -9 of HAProxy on the primary's node"

    def applies(self, target: LabTarget) -> bool:
        return target.topology.haproxy

    def expected(self, stage: Stage, target: LabTarget) -> str:
        return stage.primary

    def inject(self, stage: Stage, target: LabTarget) -> None:
        node = stage.nodes[stage.primary]
        pid = commands.haproxy_pid(node, stage.settings)
        stage.fail_if(pid is None, f"HAProxy on {node.name} does not tell its pid")
        stage.say(f"kill -9 {pid}, the HAProxy", node.name)
        node.run("kill", "-KILL", str(pid))
        stage.wait(lambda: "" if _another(stage, node.name) else "it answers", SEEN_WITHIN)
        stage.wait(lambda: stage.unrouted(stage.primary))


FAULTS: dict[str, Fault] = {
    each.name: each
    for each in (Switchover(), Poweroff(), KillPostgres(), KillHaproxy(), DirtySwitchover())
}


def _leader(target: LabTarget) -> Node:
    """Returns the primary's node. Raises LabError if there is none."""
    primary = target.topology.primary()
    if primary is None:
        raise LabError(f"{target.topology.name} has no primary, or two")
    return named(primary)


def _no_primary(stage: Stage, *names: str) -> str:
    found = [name for name in names if stage.roles.get(name) == PRIMARY]
    return "" if found else f"none of {', '.join(names)} is primary"


def _was(stage: Stage, name: str, role: str) -> bool:
    return any(event.node == name and role in event.text for event in stage.events) or (
        stage.roles.get(name) == role
    )


def _another(stage: Stage, name: str) -> bool:
    """Returns whether the node's HAProxy has been silent, or is new, since the event."""
    return any(
        isinstance(record, ServersSeen) and record.node == name and record.at >= stage.started
        for record in stage.records
    )
