"""The HAProxy process: found by its configuration, not by a pidfile."""

from __future__ import annotations

import os
import time

from . import log, runtime, supervisor
from .ocf import AgentError
from .render import alert, config_path
from .run import CommandError, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .params import Params

PAUSE = 0.05  # s between two looks
HUNG_AFTER = 1.0  # s without an answer: the monitor has waited longer already
BACK_WITHIN = 2.0  # s that systemd needs at most to start HAProxy anew
TERM_WITHIN = 3.0  # s that a HAProxy needs at most to end when it is told to


NOTHING_KNOWN = "1\n"
"""What a server state file without any server says: its version."""


def find(params: Params) -> list[int]:
    """Returns the pids of every HAProxy that runs our configuration, old ones of a reload too.

    Those of a container on this machine are not ours, though they look the same from here.
    """
    wanted = [b"-f", config_path(params).encode()]
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdecimal():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            if words[1:2] == [b"-D"] and words[2:4] == wanted and _alive(entry) and _here(entry):
                found.append(int(entry))
        except OSError:
            continue  # gone meanwhile
    return found


def _alive(pid: str) -> bool:
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")


def _here(pid: str) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid")
    except PermissionError:
        return True  # it cannot be told


def state_path(params: Params) -> str:
    """Returns the file from which a new process takes the states of the servers."""
    return str(params.statedir) + "/servers.state"


def due_path(params: Params) -> str:
    """Returns the file that is there while a reload is due."""
    return str(params.statedir) + "/reload-due"


def reload_is_due(params: Params) -> bool:
    """Returns whether HAProxy still runs with a configuration that has been replaced."""
    return os.path.exists(due_path(params))


def put_off_reload(params: Params) -> None:
    """Remembers that the new configuration is still to be put into use."""
    with open(due_path(params), "w", encoding="ascii"):
        pass


def launch(params: Params, timeout: float) -> None:
    """Starts HAProxy, or replaces the running one without closing its ports or sessions.

    It leaves this process's group and session (-D), so that Pacemaker cannot kill it with an action
    that timed out. Returns once the new one answers. Raises AgentError if it does not in timeout s.
    """
    end = time.monotonic() + timeout
    haproxy = runtime.Runtime(runtime.admin_socket(params.statedir), timeout=1)
    old = find(params)
    try:
        _say_states(params, haproxy.ask("show servers state") if old else NOTHING_KNOWN)
    except OSError as error:
        if old:
            text = f"cannot write {state_path(params)}: {error.strerror}: HAProxy is not reloaded"
            raise AgentError(text) from error
    _begin(params, old, timeout)
    while not _is_new(haproxy, old):
        if time.monotonic() > end:
            raise AgentError(f"HAProxy does not serve {timeout:g} s after its start")
        time.sleep(PAUSE)
    if os.path.exists(due_path(params)):
        os.unlink(due_path(params))
    try:
        # The next process may be one that systemd starts, at a time when nobody writes this.
        _say_states(params, NOTHING_KNOWN)
    except OSError as error:
        log.warning(f"cannot write {state_path(params)}: {error.strerror}")


def _say_states(params: Params, text: str) -> None:
    """Writes what a new process takes the servers for: not what they were at some earlier time."""
    with open(state_path(params), "w", encoding="utf-8") as file:
        file.write(text)


def _begin(params: Params, old: list[int], timeout: float) -> None:
    """Has systemd start or replace HAProxy; does it itself where systemd does not."""
    command = [params.haproxy, "-D", "-f", config_path(params)]
    take_over = ["-x", runtime.admin_socket(params.statedir), "-sf"]
    try:
        if old and supervisor.watches(params):
            supervisor.reload(params, timeout)
            return
        if not old and supervisor.present():
            supervisor.start(params, command, take_over, timeout)
            return
    except CommandError as error:
        if error.timed_out:
            raise  # it may still come; two of them would be one too many
        reason = error.output.strip()[-300:]  # its command would fill the line
        log.warning(f"systemd does not start HAProxy, and would not when it crashes: {reason}")
    try:
        run([*command, *take_over, *map(str, old)] if old else command, timeout)
    except CommandError as error:
        if error.timed_out:
            raise
        raise AgentError(f"HAProxy does not start: {alert(error.output)}") from error


def _is_new(haproxy: runtime.Runtime, old: list[int]) -> bool:
    try:
        return pid(haproxy) not in old
    except AgentError:
        return False


def comes_back(params: Params) -> bool:
    """Returns whether a HAProxy that does not listen is one that systemd has just started anew."""
    haproxy = runtime.Runtime(runtime.admin_socket(params.statedir), timeout=1)
    end = time.monotonic() + BACK_WITHIN
    while supervisor.at_work(params) and time.monotonic() < end:
        if _is_new(haproxy, []):
            return True
        time.sleep(PAUSE)
    return False


def pid(haproxy: runtime.Runtime) -> int:
    """Returns the pid of the process that answers on the socket."""
    for line in haproxy.ask("show info").splitlines():
        name, _, value = line.partition(":")
        if name == "Pid":
            return int(value)
    raise AgentError("HAProxy does not tell its pid")


def _hangs(params: Params) -> bool:
    try:
        pid(runtime.Runtime(runtime.admin_socket(params.statedir), timeout=HUNG_AFTER))
    except runtime.NotServing:
        return False
    except AgentError:
        return True
    return False


def stop(params: Params, timeout: float) -> None:
    """Ends every HAProxy of ours: lets sessions finish for stop_grace, then TERM, then KILL. One
    that hangs finishes nothing, and is killed at once.

    Raises AgentError if one is left after timeout s (a process that not even KILL ends).
    """
    import signal

    end = time.monotonic() + timeout
    grace = min(params.stop_grace / 1000, timeout / 3)
    last = (signal.SIGKILL, None)
    orderly = (signal.SIGUSR1, grace), (signal.SIGTERM, min(TERM_WITHIN, timeout / 3)), last
    steps = (last,) if _hangs(params) else orderly
    if supervisor.present():
        try:
            supervisor.let_go(params)
        except CommandError as error:
            log.warning(f"systemd may start HAProxy anew after its end: {error}")
    for number, wait in steps:
        pids = find(params)
        for each in pids:
            try:
                os.kill(each, number)
            except ProcessLookupError:
                pass
        until = end if wait is None else min(end, time.monotonic() + wait)
        while find(params):
            if time.monotonic() > until:
                break
            time.sleep(PAUSE)
        else:
            return
    raise AgentError(f"HAProxy does not end: pids {find(params)}")
