"""Programs of the host: one way to run them, one error."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from .errors import LabError

Done = subprocess.CompletedProcess[str]


def run(
    command: Sequence[str],
    *,
    input: str | None = None,
    timeout: float = 60,
    check: bool = True,
    env: Mapping[str, str] | None = None,
) -> Done:
    """Runs a program and returns what it printed. Raises LabError if it fails and check is set."""
    try:
        done = subprocess.run(
            command,
            input=input,
            stdin=None if input is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            env=env,
        )
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no end within {timeout:g} s: {' '.join(command)}") from error
    if check and done.returncode:
        words = " ".join((done.stderr.strip() or done.stdout.strip()).split())[-400:]
        raise LabError(f"{' '.join(command)[-200:]} ended with {done.returncode}: {words}")
    return done
