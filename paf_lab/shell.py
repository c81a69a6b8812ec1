"""Programs of the host: one way to run them, one error."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .errors import LabError

Done = subprocess.CompletedProcess[str]
Item = TypeVar("Item")

_running: set[int] = set()


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
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=env,
            start_new_session=True,  # a process group, to be killed as one
        )
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is not installed") from error
    _running.add(process.pid)
    try:
        out, err = process.communicate(input, timeout)
    except BaseException as error:
        # The whole group: what nsenter started would go on inside the node.
        _kill(process.pid)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            what = " ".join(command)[-200:]
            raise LabError(f"no end within {timeout:g} s: {what}") from error
        raise
    finally:
        _running.discard(process.pid)
    if check and process.returncode:
        words = " ".join((err.strip() or out.strip()).split())[-400:]
        raise LabError(f"{' '.join(command)[-200:]} ended with {process.returncode}: {words}")
    return subprocess.CompletedProcess(list(command), process.returncode, out, err)


def together(work: Callable[[Item], object], items: Iterable[Item]) -> None:
    """Does the work on all items at a time. Raises what the first that failed raised."""
    with ThreadPoolExecutor() as pool:
        try:
            for _ in pool.map(work, items):
                pass
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for pid in list(_running):
                _kill(pid)
            raise


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
