"""The HAProxy process of this node: found by its pid file, started, reloaded and ended.

HAProxy runs in master-worker mode. The pid file names the master; its workers are its children and
share its process group, which nothing else is in.
"""

from __future__ import annotations

import os
import signal
import time

from . import log, master, runtime, supervisor
from .ocf import AgentError, Rejected
from .render import alert, config_path
from .run import CommandError, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .params import Params

PAUSE = 0.05  # s between two looks
HUNG_AFTER = 1.0  # s without an answer to a stop: then HAProxy hangs, and finishes nothing
BACK_WITHIN = 2.0  # s that systemd needs at most to start HAProxy after a crash
TERM_WITHIN = 3.0  # s that a HAProxy needs at most to end on SIGTERM
RELOAD_WITHIN = 10.0  # s for a new worker; without one the reload has failed

NOTHING_KNOWN = "1\n"
"""A server state file without any server: only its version."""


def pid_path(params: Params) -> str:
    """Returns the file in which HAProxy's master writes its pid."""
    return str(params.statedir) + "/haproxy.pid"


def state_path(params: Params) -> str:
    """Returns the file from which a new worker takes the states of the servers."""
    return str(params.statedir) + "/servers.state"


def due_path(params: Params) -> str:
    """Returns the file that is there while a reload is due."""
    return str(params.statedir) + "/reload-due"


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
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except (OSError, ValueError):
        return None
    ours = config_path(params).encode() in words
    return pid if ours and pid > 1 and alive(pid) else None


def program(params: Params) -> str:
    """Returns the path of the program that runs, or '' if none does."""
    try:
        with open(f"/proc/{leader(params)}/cmdline", "rb") as file:
            return file.read().partition(b"\0")[0].decode("utf-8", "replace")
    except OSError:
        return ""


def has_master(params: Params) -> bool:
    """Returns whether HAProxy runs in master-worker mode. Before version 0.2 it did not."""
    return os.path.exists(master.path(params.statedir))


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


def reload_is_due(params: Params) -> bool:
    """Returns whether a reload was postponed, because clients waited for a primary."""
    return os.path.exists(due_path(params))


def put_off_reload(params: Params) -> None:
    """Notes that HAProxy is to be reloaded once no client waits."""
    try:
        with open(due_path(params), "w", encoding="ascii"):
            pass
    except OSError as error:
        raise AgentError(f"cannot write {due_path(params)}: {error.strerror}") from error


def launch(params: Params, timeout: float) -> None:
    """Starts HAProxy by the configuration in the state directory, as systemd's unit, or as a daemon
    if systemd does not do it. Returns once it answers.

    Raises Rejected if HAProxy refuses to run, AgentError if it does not answer within timeout s.
    """
    end = time.monotonic() + timeout
    write_states(params, NOTHING_KNOWN)
    command = [params.haproxy, "-f", config_path(params), "-p", pid_path(params)]
    command += ["-S", f"{master.path(params.statedir)},mode,600,level,admin"]
    if not _by_systemd(params, command, timeout):
        try:
            run([command[0], "-W", "-D", *command[1:]], timeout)
        except CommandError as error:
            if error.timed_out:
                raise
            raise Rejected(f"HAProxy does not start: {alert(error.output)}") from error
    haproxy = runtime.Runtime(runtime.admin_socket(params.statedir), timeout=1)
    while not _answers(haproxy):
        if time.monotonic() > end:
            raise AgentError(f"HAProxy does not answer {timeout:g} s after its start")
        time.sleep(PAUSE)
    _reload_done(params)


def _by_systemd(params: Params, command: list[str], timeout: float) -> bool:
    """Returns whether systemd has started HAProxy. Raises Rejected if HAProxy refuses to run."""
    if not supervisor.present():
        return False
    try:
        supervisor.start(params, command, timeout)
        return True
    except CommandError as error:
        if error.timed_out:
            raise  # HAProxy may still start, and must not run twice
        if supervisor.JOB_FAILED in error.output:
            raise Rejected(f"HAProxy does not start: {_why(params)}") from error
        reason = error.output.strip()[-300:]  # the command itself would fill the line
        log.warning(
            f"systemd does not start HAProxy: {reason}. HAProxy runs as a daemon; after a crash the"
            " next monitor starts it"
        )
        return False


def _why(params: Params) -> str:
    """Returns what HAProxy says of its failure, or how to find out."""
    if supervisor.present():
        return supervisor.reason(params)
    return "run it in the foreground to see why"


def reload(params: Params, timeout: float) -> None:
    """Has the master start a new worker with the configuration in the state directory. The worker
    before it keeps its sessions and takes no new ones. Returns once the new one answers.

    Raises Rejected if there is no new worker; the one before it then serves on. Raises AgentError
    if HAProxy does not answer.
    """
    haproxy = runtime.Runtime(runtime.admin_socket(params.statedir), timeout=1)
    pid = leader(params)
    if pid is None or not has_master(params):
        raise AgentError("HAProxy has no master process: it cannot be reloaded")
    before = worker(haproxy)
    # The new worker takes the states of the servers from this file, and no later one may.
    write_states(params, haproxy.ask("show servers state"))
    try:
        os.kill(pid, signal.SIGUSR2)  # HAProxy Management Guide, "Stopping and restarting"
        _await_worker(params, haproxy, before, min(timeout, RELOAD_WITHIN))
    finally:
        try:
            write_states(params, NOTHING_KNOWN)
        except AgentError as error:
            log.warning(error.reason)
    _reload_done(params)


def _await_worker(params: Params, haproxy: runtime.Runtime, before: int, timeout: float) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        time.sleep(PAUSE)
        try:
            if worker(haproxy) != before:
                return
            # The master counts a reload that failed. While it begins anew it does not answer.
            if master.processes(params.statedir).failed:
                break
        except AgentError:
            continue
    raise Rejected(f"HAProxy does not take the new configuration: {_why(params)}")


def write_states(params: Params, text: str) -> None:
    """Writes the states with which a new worker begins. Raises AgentError."""
    try:
        with open(state_path(params), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise AgentError(f"cannot write {state_path(params)}: {error.strerror}") from error


def _reload_done(params: Params) -> None:
    try:
        os.unlink(due_path(params))
    except FileNotFoundError:
        pass


def _answers(haproxy: runtime.Runtime) -> bool:
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
        if _answers(haproxy):
            return True
        time.sleep(PAUSE)
    return False


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

    It needs no other program: without memory for a new process, HAProxy ends all the same. Raises
    AgentError if a process is left after timeout s (even SIGKILL may not end one that waits for a
    disk).
    """
    end = time.monotonic() + timeout
    first = leader(params)
    pids = members(first) if first else []
    grace = min(params.stop_grace / 1000, timeout / 3)
    last = (signal.SIGKILL, None)
    orderly = (signal.SIGUSR1, grace), (signal.SIGTERM, min(TERM_WITHIN, timeout / 3)), last
    steps = (last,) if hung or _hangs(params) else orderly
    if supervisor.present():
        try:
            supervisor.let_go(params)
        except (AgentError, OSError) as error:
            log.warning(f"systemd may start HAProxy again after its end: {error}")
    for number, wait in steps:
        _signal(first, pids, number)
        until = end if wait is None else min(end, time.monotonic() + wait)
        while any(map(alive, pids)):
            if time.monotonic() > until:
                break
            time.sleep(PAUSE)
        else:
            return
    left = " ".join(str(pid) for pid in pids if alive(pid))
    raise AgentError(f"HAProxy does not end: processes {left} are left after SIGKILL")


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
