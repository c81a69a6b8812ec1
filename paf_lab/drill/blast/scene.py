"""The nodes of the cluster, the clients on each of them, and the steps of a row."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ...access import CONNECTING, READER
from ...errors import LabError
from ...recovery import Recovery
from .. import commands, programs, table
from ..programs import Program
from ..records import ACK, Attempt
from ..target import Target

EVERY = {CONNECTING: 0.1, READER: 0.1}
PATIENCE = 5  # s of a client for one connection
PAUSE = 0.2  # s between two looks
ALL_OF_IT = 7200.0  # s for which the clients work at most
KILL = f"kill -9 $(pgrep -f '{commands.HAPROXY}')"


class Scene:
    """directory: where the programs' output is kept."""

    def __init__(self, target: Target, directory: Path) -> None:
        self.nodes = {node.name: node for node in target.nodes}
        self.settings = replace(
            target.settings, every=EVERY, patience=PATIENCE, seconds=ALL_OF_IT, most=10**7
        )
        self.directory = directory
        self.target = target
        self.attempts: list[Attempt] = []
        self.died: set[str] = set()
        """Nodes that went down: their clients are started again once they are back."""
        self._programs: list[Program] = []

    @property
    def anyone(self) -> str:
        """The name of a node that runs. It is asked for the state of the cluster."""
        running = (name for name, node in self.nodes.items() if node.running)
        return next(running, next(iter(self.nodes)))

    def primary(self) -> str:
        """Returns the node that is promoted. Raises LabError if there is none."""
        status = commands.status(self.nodes[self.anyone])
        found = status.promoted(self.settings.pgsql_clone)
        if found is None:
            raise LabError("Pacemaker has promoted no PostgreSQL: lab status")
        return found

    @contextlib.contextmanager
    def attended(self) -> Iterator[None]:
        """Lets clients work on every node meanwhile."""
        self.directory.mkdir(parents=True)
        password = secrets.token_hex(16)
        table.make(self.nodes[self.primary()], self.settings, password)
        try:
            for node in self.nodes.values():
                program = programs.clients(node, self.settings, password, self.directory)
                program.start()
                self._programs.append(program)
            yield
        finally:
            for program in self._programs:
                program.ask_to_end()
            for program in self._programs:
                program.wait(PATIENCE * 3)
            with contextlib.suppress(LabError):
                table.drop(self.nodes[self.primary()], self.settings)

    def look(self) -> None:
        """Reads the new results of the clients."""
        for program in self._programs:
            self.attempts += [each for each in program.new() if isinstance(each, Attempt)]
            if program.ended():
                self.died.add(program.node.name)
                if program.node.running:
                    with contextlib.suppress(LabError):  # it went down again
                        program.start()

    def rest(self, seconds: float) -> None:
        time.sleep(seconds * self.settings.slowness)
        self.look()

    def served(self, node: str, within: float) -> bool:
        """Returns whether clients of each kind on the node are answered from now on, in time."""
        since = time.time()
        end = time.monotonic() + within * self.settings.slowness
        while True:
            self.look()
            kinds = {
                each.kind
                for each in reversed(self.attempts[-2000:])
                if each.node == node and each.start >= since and each.outcome == ACK
            }
            if kinds == set(EVERY):
                return True
            if time.monotonic() > end:
                return False
            time.sleep(PAUSE)

    def script(self, node: str, text: str) -> None:
        """Runs a script on a node. Raises LabError if it fails."""
        if text:
            self.nodes[node].run("sh", "-c", text, timeout=60)

    def sql(self, node: str, text: str) -> None:
        if text:
            commands.psql(self.nodes[node], self.settings, text)

    def set(self, parameters: Mapping[str, str]) -> None:
        """Sets parameters of the resource; it does not wait for what comes of it."""
        for name, value in parameters.items():
            self._parameter("--set-parameter", name, "--parameter-value", value)

    def unset(self, parameters: Mapping[str, str]) -> None:
        for name in parameters:
            self._parameter("--delete-parameter", name)

    def _parameter(self, *words: str) -> None:
        resource = ("--resource", self.settings.haproxy)
        self.nodes[self.anyone].run("crm_resource", *resource, *words, check=False)

    def kill(self, node: str) -> None:
        """Kills every HAProxy process of the agent on a node; there may be none."""
        self.nodes[node].run("sh", "-c", KILL, check=False)

    def stop(self, node: str, within: float) -> None:
        """Lets Pacemaker stop HAProxy on a node: bans it there."""
        commands.ban(self.nodes[self.anyone], self.settings.haproxy_clone, node)
        end = time.monotonic() + within * self.settings.slowness
        while node in self._running():
            if time.monotonic() > end:
                raise LabError(f"HAProxy on {node} has not stopped within {within:g} s")
            time.sleep(PAUSE)

    def start(self) -> None:
        """Lets Pacemaker start it again."""
        commands.clear(self.nodes[self.anyone], self.settings.haproxy_clone)

    def _running(self) -> frozenset[str]:
        status = commands.status(self.nodes[self.anyone])
        clone = status.clones.get(self.settings.haproxy_clone)
        return clone.started if clone else frozenset()

    def status(self, node: str) -> tuple[int, str]:
        """Returns the exit code and the text of `paf-haproxy status`."""
        done = self.nodes[node].run("paf-haproxy", "status", check=False)
        return done.returncode, done.stdout + done.stderr

    def whole(self, within: float) -> bool:
        """Returns whether `paf-haproxy status` finds nothing, and every client is served."""
        try:
            Recovery(self.lacking, self.rest, self.settings.slowness).await_whole(within)
        except LabError:
            return False
        return all(self.served(node, PATIENCE * 2) for node in self.nodes)

    def lacking(self) -> str:
        """Returns '' if `paf-haproxy status` finds nothing and no action has failed, or why not."""
        try:
            code, text = self.status(self.anyone)
            if code:
                return text.strip() or f"paf-haproxy status ended with {code}"
            return "; ".join(commands.status(self.nodes[self.anyone]).failures)
        except LabError as error:  # a node that is on its way down or up
            return str(error)

    def cleanup(self) -> None:
        with contextlib.suppress(LabError):
            commands.cleanup(self.nodes[self.anyone], self.settings.haproxy)

    def repair(self) -> None:
        """Does all that a person could do for the cluster: starts nodes, forgets failures."""
        with contextlib.suppress(LabError):
            self.target.repair()
