"""HAProxy is started, and a new worker of it takes the place of the one before."""

from __future__ import annotations

import os
import signal
import time

from . import log, master, process, rolefile, runtime, supervisor
from .command import CommandError, run
from .ocf import AgentError, Refused, Rejected
from .render import alert, config_path
from .routing import PROD, STDBY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .params import Params

STOPPED, FORCED_MAINT = "0", 1
"""srv_op_state, and a bit of srv_admin_state (Management Guide, "show servers state")."""
PAUSE = 0.05  # s between two looks
RELOAD_WITHIN = 10.0  # s for a new worker; without one the reload has failed

NOTHING_KNOWN = "1\n"
"""A server state file without any server: only its version."""
UNKNOWN = {
    "srv_check_addr": "-",
    "srv_check_port": "0",
    "srv_agent_addr": "-",
    "srv_agent_port": "0",
}
"""Values of a server state file for addresses that are not known (HAProxy, server_state.c)."""


def state_path(params: Params) -> str:
    """Returns the file from which a new worker takes the states of the servers."""
    return params.statedir + "/servers.state"


def due_path(params: Params) -> str:
    """Returns the file that is there while a reload is due."""
    return params.statedir + "/reload-due"


def refused_path(params: Params) -> str:
    """Returns the file that names the last configuration that HAProxy itself refused."""
    return params.statedir + "/refused"


def reload_is_due(params: Params) -> bool:
    """Returns whether a reload was postponed, because clients waited for a primary."""
    return os.path.exists(due_path(params))


def put_off_for(params: Params) -> float:
    """Returns for how many s a reload has been postponed; 0 if none is due."""
    try:
        return max(0.0, time.time() - os.stat(due_path(params)).st_mtime)
    except OSError:
        return 0.0


def put_off_reload(params: Params) -> None:
    """Notes that HAProxy is to be reloaded when no client waits. A note that is there keeps its
    time. Raises Rejected.
    """
    if reload_is_due(params):
        return
    try:
        with open(due_path(params), "w", encoding="ascii"):
            pass
    except OSError as error:
        raise Rejected(f"cannot write {due_path(params)}: {error.strerror}") from error


def start(params: Params, timeout: float) -> None:
    """Starts HAProxy by the configuration in the state directory, as systemd's unit, or as a daemon
    if systemd does not do it. Returns once it answers.

    Raises Rejected if it cannot be started, Refused if HAProxy refuses to run, and AgentError if it
    does not answer within timeout s.
    """
    end = time.monotonic() + timeout
    write_states(params, NOTHING_KNOWN)
    command = [params.haproxy, "-f", config_path(params), "-p", process.pid_path(params)]
    command += ["-S", f"{master.path(params.statedir)},mode,600,level,admin"]
    if not _by_systemd(params, command, timeout):
        try:
            run([command[0], "-W", "-D", *command[1:]], timeout)
        except CommandError as error:
            if error.timed_out:
                raise
            raise Refused(f"HAProxy does not start: {alert(error.output)}") from error
        except AgentError as error:  # there is no such program
            raise Rejected(f"HAProxy does not start: {error.reason}") from error
    haproxy = runtime.Runtime(runtime.admin_socket(params.statedir), timeout=1)
    while not process.answers(haproxy):
        if time.monotonic() > end:
            raise AgentError(f"HAProxy does not answer {timeout:g} s after its start")
        time.sleep(PAUSE)
    rolefile.remove_note(due_path(params))


def _by_systemd(params: Params, command: list[str], timeout: float) -> bool:
    """Returns whether systemd has started HAProxy. Raises Refused if HAProxy refuses to run."""
    if not supervisor.present():
        return False
    try:
        supervisor.start(params, command, timeout)
        return True
    except CommandError as error:
        if error.timed_out:
            raise  # HAProxy may still start, and must not run twice
        if supervisor.JOB_FAILED in error.output:
            raise Refused(f"HAProxy does not start: {_why(params)}") from error
        reason = error.output.strip()[-300:]  # the command itself would fill the line
        log.warning(
            f"systemd does not start HAProxy: {reason}. HAProxy runs as a daemon; after a crash the"
            " next monitor starts it"
        )
        return False


def _why(params: Params) -> str:
    """Returns HAProxy's own words, or the command that shows them."""
    if supervisor.present():
        return supervisor.reason(params)
    return "HAProxy tells the reason only if systemd runs it"


def reload(params: Params, timeout: float) -> None:
    """Has the master start a new worker with the configuration in the state directory. The worker
    before it keeps its sessions and takes no new ones. Returns once the new one answers.

    Raises Refused if there is no new worker, and Rejected if none can be asked for; the one before
    it then serves on. Raises AgentError if HAProxy does not answer.
    """
    haproxy = runtime.Runtime(runtime.admin_socket(params.statedir), timeout=1)
    pid = process.leader(params)
    if pid is None or not process.has_master(params):
        raise AgentError("HAProxy has no master process: it cannot be reloaded")
    before = process.worker(haproxy)
    failures = master.processes(params.statedir).failed or 0
    # The new worker takes the states of the servers from this file, and no later one may.
    write_states(params, handed_on(haproxy.ask("show servers state"), params))
    try:
        os.kill(pid, signal.SIGUSR2)  # HAProxy Management Guide, "Stopping and restarting"
        _await_worker(params, haproxy, before, failures, min(timeout, RELOAD_WITHIN))
    finally:
        try:
            write_states(params, NOTHING_KNOWN)
        except AgentError as error:
            log.warning(error.reason)
    rolefile.remove_note(due_path(params))


def _await_worker(
    params: Params, haproxy: runtime.Runtime, before: int, failures: int, timeout: float
) -> None:
    """Returns once another worker than `before` answers. failures: reloads that the master counted
    as failed when this one began.
    """
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        time.sleep(PAUSE)
        try:
            if process.worker(haproxy) != before:
                return
            # The master does not answer while it reloads. After a success it counts from 0.
            if (master.processes(params.statedir).failed or 0) > failures:
                break
        except AgentError:
            continue
    raise Refused(f"HAProxy does not take the new configuration: {_why(params)}")


def handed_on(states: str, params: Params) -> str:
    """Returns the text of `show servers state` with the ports of the new configuration, and without
    the addresses of checks: HAProxy would prefer those of the worker before.

    A server that is down begins in maintenance, until the agent sets it. The file does not tell
    that an agent-check holds it down: HAProxy (2.6) would take it for up once its port answers.
    """
    lines = states.splitlines()
    columns = next((line[2:].split() for line in lines if line.startswith("# ")), [])
    known = dict(UNKNOWN)
    if not params.template:
        known["srv_port"] = str(params.pgport)
    kept = []
    for line in lines:
        words = line.split()
        if len(words) == len(columns) and not line.startswith("#"):
            row = dict(zip(columns, words))
            changed = {**known, "srv_port": row["srv_port"]} if row["srv_port"] == "0" else known
            if row.get("srv_op_state") == STOPPED and row["be_name"] in (PROD, STDBY):
                bits = int(row["srv_admin_state"]) | FORCED_MAINT
                changed = {**changed, "srv_admin_state": str(bits)}
            line = " ".join(changed.get(name, word) for name, word in row.items())
        kept.append(line)
    return "\n".join(kept) + "\n"


def write_states(params: Params, text: str) -> None:
    """Writes the states with which a new worker begins. Raises Rejected."""
    try:
        with open(state_path(params), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Rejected(f"cannot write {state_path(params)}: {error.strerror}") from error
