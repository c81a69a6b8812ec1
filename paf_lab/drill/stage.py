"""A drill that is under way: what its programs have told, and what the cluster says of itself."""

from __future__ import annotations

from dataclasses import replace

from ..errors import LabError
from ..recovery import LOOK_EVERY
from . import cluster, commands
from .observer import Observer
from .records import PRIMARY, UP, ServersSeen
from .timeline import View

__all__ = ["Stage", "View"]


class Stage(Observer):
    """Where a drill takes place; what it is asked for beyond what was observed costs CPU there."""

    def await_nodes(self) -> None:
        """Returns once all nodes have booted: one that was fenced last may not be back yet."""
        for node in self.nodes.values():
            self.wait(lambda node=node: "" if node.running else f"{node.name} is off", within=60)  # type: ignore[misc]
            node.await_ready()

    def snapshot(self) -> cluster.Snapshot:
        """Asks the cluster for its state; this costs the nodes some CPU."""
        node = self.anyone
        status = commands.status(node)
        leads = status.promoted(self.settings.pgsql_clone)
        streaming = {}
        if leads in self.nodes:
            try:
                streaming = commands.streaming(self.nodes[leads], self.settings)
            except LabError:
                pass  # it will be said that nobody streams
        return cluster.Snapshot(
            status,
            bool(status.dc) and commands.idle(node, status.dc),
            commands.moves(node),
            dict(self.roles),
            dict(self.servers),
            streaming,
        )

    def leader(self) -> str:
        """Returns the node that Pacemaker has promoted now, or the one of before if none is."""
        status = commands.status(self.anyone)
        return status.promoted(self.settings.pgsql_clone) or self.primary

    def await_healthy(
        self, primary: str | None = None, moving: bool = False, within: float | None = None
    ) -> cluster.Snapshot:
        """Returns once the cluster is whole. Raises LabError with what it lacks.

        moving: the constraint of a move may still be there.
        """
        last: list[cluster.Snapshot] = []
        self.wait(lambda: self._lacking(primary, moving, last), within, every=LOOK_EVERY)
        return last[0]

    def lacking(self, primary: str | None = None) -> str:
        """Returns '' if the cluster is whole now, or in a line why not."""
        return self._lacking(primary, False, [])

    def _lacking(self, primary: str | None, moving: bool, last: list[cluster.Snapshot]) -> str:
        """last: is given the state that the answer rests on."""
        try:
            now = self.snapshot()
        except LabError as error:  # a node that is on its way down or up
            return str(error)
        last[:] = [replace(now, moves=()) if moving else now]
        self.look()
        both = self.settings.pgsql_clone, self.settings.haproxy_clone
        return cluster.unhealthy(last[0], self.names, *both, primary)

    def clear_failures(self, resource: str) -> None:
        """Clears the failures of a resource if there are any on record, as a person would."""
        if commands.status(self.anyone).failures:
            self.say(f"clear the failures of {resource}")
            commands.cleanup(self.anyone, resource)
            self.cleared += 1

    def fell_silent(self, node: str) -> bool:
        """Returns whether the node's HAProxy has stopped answering since the event."""
        return any(
            isinstance(record, ServersSeen)
            and record.node == node
            and record.states is None
            and record.at >= self.started
            for record in self.records
        )

    def unrouted(self, primary: str) -> str:
        """Returns which node does not lead to the primary yet, by what the watchers tell."""
        if self.roles.get(primary) != PRIMARY:
            return f"PostgreSQL on {primary} is {self.roles.get(primary)}, not primary"
        for name in self.names:
            if (self.servers.get(name) or {}).get(f"prod/{primary}") != UP:
                return f"HAProxy on {name} does not lead to {primary}"
        return ""
