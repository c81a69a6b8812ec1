"""Where a row takes place: the nodes, the clients at work on each, and what is done to them."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ...errors import LabError
from .. import commands, programs, table
from ..programs import Program
from ..records import ACK, CONNECTING, READER, Attempt
from ..site import Site
from .row import CHANNELS, CRM_MON, LOG, METRIC, STATUS

EVERY = {CONNECTING: 0.1, READER: 0.1}
PATIENCE = 5  # s of a client for one connection
PAUSE = 0.2  # s between two looks
ALL_OF_IT = 7200.0  # s for which the clients work at most
KILL = f"kill -9 $(pgrep -f '{commands.HAPROXY}')"
METRICS = """
import ssl, urllib.request
context = ssl._create_unverified_context()
for path in "7000/metrics", "7000/metrics/paf":
    for scheme in "http", "https":
        try:
            url = f"{scheme}://127.0.0.1:{path}"
            print(urllib.request.urlopen(url, timeout=3, context=context).read().decode())
            break
        except OSError:
            pass
"""
SUSPECT = re.compile(r"^paf_haproxy\w*(reject|unknown|invalid)\w*(\{[^}]*\})? +[1-9].*", re.M)


class Scene:
    """directory: where the programs' output is kept."""

    def __init__(self, site: Site, directory: Path) -> None:
        self.nodes = {node.name: node for node in site.nodes}
        self.settings = replace(
            site.settings, every=EVERY, patience=PATIENCE, seconds=ALL_OF_IT, most=10**7
        )
        self.directory = directory
        self.attempts: list[Attempt] = []
        self._programs: list[Program] = []

    @property
    def anyone(self) -> str:
        """The name of a node that is asked what the cluster knows."""
        return next(iter(self.nodes))

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
        """Takes in what the clients have told. Raises LabError if they have ended."""
        for program in self._programs:
            self.attempts += [each for each in program.new() if isinstance(each, Attempt)]
            if why := program.ended():
                raise LabError(why)

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
        end = time.monotonic() + within * self.settings.slowness
        while True:
            code, _ = self.status(self.anyone)
            if code == 0 and not commands.status(self.nodes[self.anyone]).failures:
                return all(self.served(node, PATIENCE * 2) for node in self.nodes)
            self.look()
            if time.monotonic() > end:
                return False
            time.sleep(1)

    def cleanup(self) -> None:
        with contextlib.suppress(LabError):
            commands.cleanup(self.nodes[self.anyone], self.settings.haproxy)

    def reports(self, node: str, since: float, pattern: str) -> dict[str, str]:
        """Returns the first line of each channel that reports the fault."""
        there = self.nodes[node]
        names = ("-t", "paf-haproxy", "-t", "haproxy")
        asked = {
            STATUS: self.status(node)[1],
            METRIC: there.run("python3", "-c", METRICS, check=False).stdout,
            LOG: there.run(
                "journalctl", "-q", "--no-pager", "-o", "cat", f"--since=@{since:.0f}", *names,
                check=False,
            ).stdout,
            CRM_MON: there.run("crm_mon", "-1A", check=False).stdout,
        }  # fmt: skip
        found = {}
        for channel in CHANNELS:
            if channel == METRIC:
                match = SUSPECT.search(asked[channel])
                line = match[0] if match else ""
            else:
                line = matching(asked[channel], pattern)
            if line:
                found[channel] = line
        return found


def matching(text: str, pattern: str) -> str:
    """Returns the first line that the pattern matches, or ''."""
    if not pattern:
        return ""
    lines = (line.strip() for line in text.splitlines())
    return next((line[:300] for line in lines if re.search(pattern, line, re.I)), "")
