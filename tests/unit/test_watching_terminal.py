"""`paf-haproxy status --watch` on a pseudo-terminal, with a cluster that is made up."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest
from paf_haproxy.cli import findings, watching

from tests.tools import LIB

# first: what the first look does. later: an expression for what the others do.
FAKE = """
import itertools, sys
sys.path[:0] = {paths!r}
from paf_haproxy.cli import main
from paf_haproxy.ocf import AgentError
from tests.unit.cli_world import changed, well
from tests.unit.test_watching import switched
sys.modules.update(dict.fromkeys({hidden!r}))
def fail():
    raise AgentError("crm_mon: Connection refused")
looks = itertools.chain([{first}], {later})
main.resource_params = lambda name: ("haproxy", None)
main.survey = lambda params, name: next(looks)()
main.advice = lambda name: []
sys.exit(main.main(["paf-haproxy", "status", *{options!r}]))
"""
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
"""xterm: to the alternate screen, and back."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SWITCHED = "itertools.repeat(switched)"


def as_a_shell_does() -> None:
    """Takes the terminal, and Ctrl-C: who starts the tests in the background has it ignored."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """The command on a terminal of 80x24."""

    def __init__(self) -> None:
        self.outer, self.inner = pty.openpty()
        fcntl.ioctl(self.inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.inner)
        self.text = ""
        self._bytes = b""

    def start(
        self,
        later: str = SWITCHED,
        *,
        first: str = "well",
        options: tuple[str, ...] = ("--watch", "0.1"),
        hidden: tuple[str, ...] = (),
        name: str = "xterm",
    ) -> None:
        paths = [str(LIB), str(LIB.parent)]
        code = FAKE.format(paths=paths, hidden=hidden, first=first, later=later, options=options)
        environ = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=self.inner, stdout=self.inner, stderr=self.inner,
            env={**environ, "TERM": name}, start_new_session=True,
            preexec_fn=as_a_shell_does,
        )  # fmt: skip

    def read_until(self, wanted: str) -> None:
        end = time.monotonic() + 60
        while wanted not in self.text:
            assert time.monotonic() < end, f"no {wanted!r} in {self.text[-2000:]!r}"
            self._read(0.5)

    def _read(self, within: float) -> bool:
        there = bool(select.select([self.outer], [], [], within)[0])
        if there:
            self._bytes += os.read(self.outer, 65536)
            self.text = COLOURS.sub("", self._bytes.decode(errors="replace"))
        return there

    def type(self, keys: bytes) -> None:
        os.write(self.outer, keys)

    def end(self) -> int:
        """Returns the exit code."""
        code = self.process.wait(timeout=60)
        while self._read(0.2):
            pass
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.outer)
        os.close(self.inner)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    found = Terminal()
    yield found
    found.close()


def test_q_leaves_the_view(terminal: Terminal) -> None:
    terminal.start()
    terminal.read_until("production → ")
    assert terminal.text.index(ENTER) < terminal.text.index("Changes since")
    terminal.type(b"xq")
    assert terminal.end() == findings.OK, "the grade of the last look"
    assert LEAVE in terminal.text
    assert termios.tcgetattr(terminal.inner) == terminal.before


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_a_signal_leaves_the_view(terminal: Terminal, how: str) -> None:
    terminal.start()
    terminal.read_until("Changes since")
    if how == "Ctrl-C":
        terminal.type(b"\x03")
    else:
        terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end() == 130
    assert LEAVE in terminal.text and "Traceback" not in terminal.text
    assert termios.tcgetattr(terminal.inner) == terminal.before


def test_the_view_stays_while_pacemaker_does_not_answer(terminal: Terminal) -> None:
    terminal.start("itertools.chain([fail] * 9, itertools.repeat(switched))")
    terminal.read_until("crm_mon: Connection refused; all above is of ")
    terminal.read_until("production → ")
    terminal.type(b"q")
    assert terminal.end() == findings.OK


def test_the_first_look_fails(terminal: Terminal) -> None:
    terminal.start(first="fail")
    assert terminal.end() == findings.UNKNOWN
    assert terminal.text == "paf-haproxy: crm_mon: Connection refused\r\n"


def test_without_rich_the_text_is_repeated(terminal: Terminal) -> None:
    terminal.start(hidden=("rich", "rich.console"))
    terminal.read_until(watching.WITHOUT_RICH)
    terminal.read_until("srv2  Promoted    production")
    terminal.type(b"\x03")
    assert terminal.end() == 130
    assert ENTER not in terminal.text and terminal.text.count(watching.CLEAR) >= 2


def test_a_terminal_that_can_only_print(terminal: Terminal) -> None:
    terminal.start(name="dumb")
    terminal.read_until("srv2  Promoted    production")
    terminal.type(b"\x03")
    assert terminal.end() == 130
    assert ENTER not in terminal.text and watching.WITHOUT_RICH not in terminal.text


def test_an_error_of_ours_is_not_hidden(terminal: Terminal) -> None:
    terminal.start("itertools.repeat(lambda: 1 / 0)")
    assert terminal.end() == 1
    assert "ZeroDivisionError" in terminal.text.partition(LEAVE)[2]
    assert termios.tcgetattr(terminal.inner) == terminal.before


def test_json_is_repeated(terminal: Terminal) -> None:
    terminal.start(options=("--json", "--watch", "0.1"))
    terminal.read_until('"promoted": [')
    terminal.read_until('"srv2"')
    terminal.type(b"\x03")
    assert terminal.end() == 130
    assert ENTER not in terminal.text
