"""Programs that run in the nodes during a drill, and whose output becomes records."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..machine import Machine
from . import records
from .records import Record
from .settings import Settings

CLIENTS = Path(__file__).resolve().parent.parent / "clients"
LOGGING = ("pacemaker-controld", "pacemaker-fenced", "paf-haproxy")
# Follows the journal until its own standard input is closed.
FOLLOW = 'journalctl "$@" </dev/null & pid=$!; cat >/dev/null; kill $pid'
ENDS_WITHIN = 15.0  # s after which a program that was asked to end is killed


class Program:
    """A program in a node. Its output stands in a file on the host, one JSON object a line.

    It ends when its standard input is closed, which the death of this process does too.
    """

    def __init__(
        self,
        node: Machine,
        name: str,
        argv: Sequence[str],
        directory: Path,
        settings: Mapping[str, Any] | None = None,
        user: str | None = None,
    ) -> None:
        self.node = node
        self.name = f"{node.name}.{name}"
        self._argv = argv
        self._settings = settings
        self._user = user
        self._path = directory / f"{self.name}.jsonl"
        self._errors = directory / f"{self.name}.err"
        self._process: subprocess.Popen[str] | None = None
        self._read_up_to = 0
        self._starts = 0

    def start(self) -> None:
        """Starts the program, or another after the one that died with its node: its output goes on
        in the same file, and what it counts begins at another million.
        """
        with self._path.open("a") as out, self._errors.open("a") as errors:
            out.write("\n" if self._starts else "")  # the last line may have been cut off
            out.flush()
            self._process = self.node.popen(
                *self._argv, user=self._user, stdin=subprocess.PIPE, stdout=out, stderr=errors
            )
        if self._settings is not None and self._process.stdin is not None:
            settings = {**self._settings, "first": self._starts * 1_000_000 + 1}
            with contextlib.suppress(BrokenPipeError):  # its node went down: see `ended`
                self._process.stdin.write(json.dumps(settings) + "\n")
                self._process.stdin.flush()
        self._starts += 1

    def ended(self) -> str:
        """Returns why the program is not there, in one line; empty while it runs."""
        if self._process is None or self._process.poll() is None:
            return ""
        lines = self._errors.read_text(errors="replace").strip().splitlines()
        return f"{self.name} ended with {self._process.returncode}: {lines[-1] if lines else ''}"

    def ask_to_end(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # the same, with the line still to be sent
                self._process.stdin.close()

    def wait(self, seconds: float) -> None:
        """Waits for the end of a program that was asked to end; kills it if it takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def new(self) -> Iterator[Record]:
        """Yields what the program has printed since the last time."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read_up_to)
            chunk = file.read()
        whole = chunk[: chunk.rfind(b"\n") + 1]
        self._read_up_to += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            record = records.read(line, self.node.name)
            if record is not None:
                yield record


def _python(file: str) -> list[str]:
    """Returns the command that runs one of paf_lab/clients without putting a file into the node."""
    return ["python3", "-c", (CLIENTS / file).read_text()]


def clients(node: Machine, settings: Settings, password: str, directory: Path) -> Program:
    """Returns the clients of a node."""
    values = settings.clients(node.name, password)
    return Program(node, "clients", _python("load.py"), directory, values)


def watchers(node: Machine, settings: Settings, directory: Path) -> list[Program]:
    """Returns what watches a node: its PostgreSQL, its HAProxy, its journal."""
    logging = (*LOGGING, f"pgsqlms({settings.pgsql})")
    names = [word for name in logging for word in ("--identifier", name)]
    fields = "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_SOURCE_REALTIME_TIMESTAMP"
    journal = ["--follow", "--lines=0", "--quiet", "--output=json", fields, *names]
    follow = ["sh", "-c", FOLLOW, "sh", *journal]
    postgres, haproxy = settings.watch_postgres(node.name), settings.watch_haproxy(node.name)
    return [
        Program(node, "postgres", _python("watch_postgres.py"), directory, postgres, "postgres"),
        Program(node, "haproxy", _python("watch_haproxy.py"), directory, haproxy),
        Program(node, "journal", follow, directory),
    ]
