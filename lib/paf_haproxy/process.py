"""The HAProxy process of this node: found by its pid file, asked, and ended.

HAProxy runs in master-worker mode. The pid file names the master; its workers are its children and
share its process group, which nothing else is in.
"""

from __future__ import annotations

import os
import signal
import time

from . import log, master, runtime, supervisor
from .ocf import AgentError
from .render import config_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .params import Params

PAUSE = 0.05  # s between two looks
HUNG_AFTER = 1.0  # s without an answer to a stop: then HAProxy hangs, and finishes nothing
SECOND_WITHIN = 4.0  # s for an answer to a question that is repeated
BACK_WITHIN = 2.0  # s that systemd needs at most to start HAProxy after a crash
TERM_WITHIN = 3.0  # s that a HAProxy needs at most to end on SIGTERM


def pid_path(params: Params) -> str:
    """Returns the file in which HAProxy's master writes its pid."""
    return params.statedir + "/haproxy.pid"


def leader(params: Params) -> int | None:
    """Returns the pid of HAProxy's master, or None if there is none.

    A pid file may be older than a process that has the same pid now; its command line must name
    our configuration.
    """
    try:
        try:
            with open(pid_path(params), encoding="ascii", errors="replace") as file:
                pid = int(file.readline())
        except (OSError, ValueError):
            pid = master.peer(params.statedir)
        words = _words(pid)
    except (OSError, ValueError):
        return None
    ours = config_path(params).encode() in words
    return pid if ours and pid > 1 and alive(pid) else None


def _words(pid: int) -> list[bytes]:
    """Returns a command line. It is empty for a moment while the master reloads. Raises OSError."""
    for pause in (0.0, PAUSE):
        time.sleep(pause)
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")[:-1]
        if words:
            return words
    return []


def command(params: Params) -> list[str]:
    """Returns the command line of the master that runs, or [] if none does."""
    pid = leader(params)
    try:
        return [word.decode("utf-8", "replace") for word in _words(pid)] if pid else []
    except OSError:
        return []


def has_master(params: Params) -> bool:
    """Returns whether HAProxy runs in master-worker mode, which an earlier version did not use.

    The master socket does not tell: an earlier version that was installed again leaves it there.
    """
    return any(word.startswith("-W") for word in command(params))


def alive(pid: int) -> bool:
    """Returns whether a process is there and has not ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def members(pid: int) -> list[int]:
    """Returns the master and its workers, the old ones of a reload too."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            workers = [int(word) for word in file.read().split()]
    except OSError:
        workers = []
    return [each for each in (pid, *workers) if alive(each)]


def worker(haproxy: runtime.Runtime) -> int:
    """Returns the pid of the worker that answers on the runtime socket."""
    for line in haproxy.ask("show info").splitlines():
        name, _, value = line.partition(":")
        if name == "Pid":
            return int(value)
    raise AgentError("HAProxy's answer to 'show info' names no pid")


def ask_twice(params: Params) -> None:
    """Returns if a worker answers, at the second question at the latest: a virtual machine that was
    paused lets the first time pass. Raises NotServing if nothing listens, AgentError if there is no
    answer.
    """
    path = runtime.admin_socket(params.statedir)
    try:
        worker(runtime.Runtime(path))
    except runtime.NotServing:
        raise
    except AgentError:
        worker(runtime.Runtime(path, SECOND_WITHIN))


def answers(haproxy: runtime.Runtime) -> bool:
    """Returns whether a worker answers."""
    try:
        worker(haproxy)
    except AgentError:
        return False
    return True


def comes_back(params: Params) -> bool:
    """Returns whether systemd starts a HAProxy that crashed, and it answers."""
    haproxy = runtime.Runtime(runtime.admin_socket(params.statedir), timeout=1)
    end = time.monotonic() + BACK_WITHIN
    while supervisor.at_work(params) and time.monotonic() < end:
        if answers(haproxy):
            return True
        time.sleep(PAUSE)
    return False


def require_running(params: Params) -> None:
    """Raises NotServing if HAProxy does not run, and AgentError if it does not answer. A HAProxy
    that has crashed runs if systemd starts it again.
    """
    try:
        ask_twice(params)
    except runtime.NotServing:
        if not comes_back(params):
            raise


def _hangs(params: Params) -> bool:
    try:
        worker(runtime.Runtime(runtime.admin_socket(params.statedir), timeout=HUNG_AFTER))
    except runtime.NotServing:
        return False
    except AgentError:
        return True
    return False


def stop(params: Params, timeout: float, hung: bool = False) -> None:
    """Ends HAProxy: its sessions may finish for stop_grace, then SIGTERM, then SIGKILL. If it
    hangs, or the caller knows that it does (hung), it is killed at once.

    It needs no other program, so it works without memory for a new process. Raises AgentError if a
    process is left after timeout s: even SIGKILL does not end a process that waits for a disk.
    """
    end = time.monotonic() + timeout
    first = leader(params)
    pids = members(first) if first else []
    grace = min(params.stop_grace / 1000, timeout / 3)
    last = (signal.SIGKILL, None)
    orderly = (signal.SIGUSR1, grace), (signal.SIGTERM, min(TERM_WITHIN, timeout / 3)), last
    let_go = _let_go(params)
    for number, wait in (last,) if hung or _hangs(params) else orderly:
        _signal(first, pids, number)
        until = end if wait is None else min(end, time.monotonic() + wait)
        while any(map(alive, pids)) and time.monotonic() < until:
            time.sleep(PAUSE)
        if not any(map(alive, pids)):
            break
    left = " ".join(str(pid) for pid in pids if alive(pid))
    if left:
        raise AgentError(f"HAProxy does not end: processes {left} are left after SIGKILL")
    if not let_go and _let_go(params) and leader(params) and time.monotonic() < end:
        stop(params, end - time.monotonic(), hung=True)  # systemd had started it again


def _let_go(params: Params) -> bool:
    """Returns whether systemd does not start HAProxy again, or is not there."""
    try:
        if supervisor.present():
            supervisor.let_go(params)
    except (AgentError, OSError) as error:
        log.warning(f"systemd may start HAProxy again after its end: {error}")
        return False
    return True


def _signal(first: int | None, pids: list[int], number: int) -> None:
    """The master hands a request to end on to its workers. SIGKILL it cannot hand on."""
    for pid in pids if number == signal.SIGKILL else pids[:1]:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
    if first and number == signal.SIGKILL:
        try:
            # A worker whose master has died belongs to its group still.
            if os.getpgid(first) == first:
                os.killpg(first, number)
        except ProcessLookupError:
            pass
