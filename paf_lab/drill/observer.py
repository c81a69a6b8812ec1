"""The programs of a drill that is under way: watchers on every node, and clients."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..machine import Machine
from . import programs
from .listener import Listener
from .programs import Program
from .target import Target
from .timeline import View


class Observer(Listener):
    """Starts the programs, listens to them, and ends them."""

    def __init__(self, target: Target, directory: Path, view: View) -> None:
        super().__init__(target, directory, view)
        self._guests: dict[str, Program] = {}
        self.password = ""
        """Of the clients' role, for this run."""

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Watches PostgreSQL, HAProxy and the journal of every node meanwhile."""
        found = [
            program
            for node in self.nodes.values()
            for program in programs.watchers(node, self.settings, self.directory)
        ]
        with self._running(found):
            self.wait(lambda: self._silent(), within=15)
            yield

    def _silent(self) -> str:
        """Returns which watcher has not told anything yet."""
        for name in self.names:
            if name not in self.roles or name not in self.servers:
                ended = next((why for each in self._programs if (why := each.ended())), "")
                return ended or f"nothing is heard of {name}"
        return ""

    @contextlib.contextmanager
    def attended(self, password: str) -> Iterator[None]:
        """Lets the clients work meanwhile; they work already when the block begins."""
        nodes = self.nodes.values()
        found = [programs.clients(node, self.settings, password, self.directory) for node in nodes]
        self.password = password
        with self._running(found):
            self.await_clients()
            yield

    def enlist(self, node: Machine) -> None:
        """Lets clients of one more node work from now on, like those of all others."""
        program = programs.clients(node, self.settings, self.password, self.directory)
        program.start()
        self._programs.append(program)
        self._guests[node.name] = program
        self.await_clients()

    def dismiss(self, node: Machine) -> None:
        """Ends the clients of a node that was enlisted; what they saw stays."""
        program = self._guests.pop(node.name, None)
        if program is not None:
            program.ask_to_end()
            program.wait(programs.ENDS_WITHIN * self.settings.slowness)
            self._take_in([program])
            self._programs.remove(program)

    def await_clients(self) -> None:
        """Returns once every client has got an answer from now on."""
        self.look()
        self._acks.clear()
        self.wait(self._idle_client, within=30)

    def _idle_client(self) -> str:
        idle = sorted(client for client in self.clients if not self._acks[client])
        ended = next((why for each in self._programs if (why := each.ended())), "")
        return f"{idle[0]} got no answer; {ended}".rstrip("; ") if idle else ""

    @property
    def clients(self) -> frozenset[str]:
        names = [*self.names, *self._guests]
        return frozenset(f"{name}/{kind}" for name in names for kind in self.settings.every)

    @contextlib.contextmanager
    def _running(self, found: list[Program]) -> Iterator[None]:
        self._programs += found
        try:
            for program in found:
                program.start()
            yield
        finally:
            for program in found:
                program.ask_to_end()
            for program in found:
                program.wait(programs.ENDS_WITHIN * self.settings.slowness)
            self._programs = [each for each in self._programs if each not in found]
            self._take_in(found)
