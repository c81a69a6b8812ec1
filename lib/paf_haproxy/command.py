"""Other programs: one typed way to run them."""

from __future__ import annotations

from .ocf import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
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


def run(
    command: Sequence[str],
    timeout: float = 10.0,
    fails: bool = False,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Runs a program and returns its standard output. fails: also if it fails. environment: the
    whole of it; by default ours.

    Raises CommandError if it fails or takes longer than timeout s, AgentError if it cannot be run.
    """
    import subprocess  # 17 ms, and a monitor that finds all well runs nothing

    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    except FileNotFoundError as error:
        raise AgentError(f"{command[0]} is not installed") from error
    except OSError as error:  # no memory for another process, a file that nobody may run, ...
        raise AgentError(f"cannot run {command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(command, -1, f"no end within {timeout:g} s", True) from error
    if done.returncode and not fails:
        raise CommandError(command, done.returncode, done.stdout + done.stderr)
    return done.stdout
