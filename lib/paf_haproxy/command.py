"""Other programs: one typed way to run them."""

from __future__ import annotations

import time

from .ocf import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence


class CommandError(AgentError):
    """A program failed. command, status, timed_out and output tell how."""

    def __init__(
        self, command: Sequence[str], status: int, output: str, timed_out: bool = False
    ) -> None:
        self.command = tuple(command)
        self.status = status
        self.output = output
        self.timed_out = timed_out
        super().__init__(f"{' '.join(command)} ended with {status}: {output.strip()[-300:]}")


class Program:
    """A program that runs beside the agent. It is killed at the end of the `with` statement."""

    def __init__(
        self,
        command: Sequence[str],
        timeout: float,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts it. timeout: s that it may take. environment: the whole of it; by default ours.

        Raises AgentError if it cannot be run.
        """
        import subprocess  # 17 ms, and a monitor that finds all well runs nothing

        self._command = command
        self._timeout = timeout
        self._end = time.monotonic() + timeout
        try:
            self._process: subprocess.Popen[str] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=environment,
            )
        except FileNotFoundError as error:
            raise AgentError(f"{command[0]} is not installed") from error
        except OSError as error:  # no memory for another process, a file that nobody may run, ...
            raise AgentError(f"cannot run {command[0]}: {error.strerror}") from error

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # does nothing if it has ended
        with self._process:  # closes its pipes
            pass

    def output(self, fails: bool = False) -> str:
        """Waits for its end, and returns its standard output. fails: also if it fails.

        Raises CommandError if it fails or takes longer than its timeout.
        """
        import subprocess

        try:
            out, err = self._process.communicate(timeout=max(0.0, self._end - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            reason = f"no end within {self._timeout:g} s"
            raise CommandError(self._command, -1, reason, True) from error
        if self._process.returncode and not fails:
            raise CommandError(self._command, self._process.returncode, out + err)
        return out


def run(
    command: Sequence[str],
    timeout: float = 10.0,
    fails: bool = False,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Runs a program and returns its standard output. timeout: s that it may take. fails,
    environment: as in Program.

    Raises CommandError if it fails or takes longer than timeout s, AgentError if it cannot be run.
    """
    with Program(command, timeout, environment) as program:
        return program.output(fails)
