"""systemd: HAProxy runs as a unit of it, and is started again at once after a crash.

The unit is transient (systemd-run(1)): nothing is enabled, and nothing is left of it when HAProxy
has ended. The unit's control group holds HAProxy's processes and no others. Only the agent starts,
reloads and stops it. Without systemd HAProxy runs as a daemon, and after a crash the monitor action
starts it.
"""

from __future__ import annotations

import os
import sys

from .command import CommandError, run
from .context import DEFAULT_STATEDIR, FOLLOW, META, REPORT
from .ocf import AgentError
from .render import alert

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .context import Context
    from .params import Params

RUNNING = "/run/systemd/system"
"""It is there if systemd is the init system (sd_booted(3))."""
WITHIN = 5.0  # s for systemctl to answer
SOON = 1.5  # s, if HAProxy serves without the answer; a stop that is late means fencing
NO_SUCH_UNIT = 5
"""systemctl(1), "Exit status"."""
MORE_THAN_GRACE = 10.0  # s after stop_grace, then systemd kills what the agent should have ended
JOB_FAILED = "Job for "
"""systemd-run says so if the unit itself failed to start, and not systemd."""
LINES = "20"  # last lines of the journal that may say why HAProxy did not start


def present() -> bool:
    """Returns whether systemd runs this machine."""
    return os.path.isdir(RUNNING)


def name(statedir: str) -> str:
    """Returns the name of what belongs to a state directory, e.g. 'paf-haproxy'."""
    if statedir == DEFAULT_STATEDIR:
        return "paf-haproxy"
    return f"paf-haproxy{statedir.replace('/', '-')}"


def unit(params: Params) -> str:
    """Returns the name of the unit, e.g. 'paf-haproxy.service'."""
    return f"{name(params.statedir)}.service"


def start(params: Params, command: Sequence[str], timeout: float) -> None:
    """Starts HAProxy by this command and waits until it is ready.

    Raises CommandError if it is not ready within timeout s.
    """
    _stop(params)  # waits until a unit that has ended is gone
    agent = os.path.abspath(sys.argv[0])
    properties = {
        "Type": "notify",
        # Not if HAProxy ends on request: a stop ends it with 0, or with 143 on SIGTERM.
        "Restart": "on-failure",
        "SuccessExitStatus": "143",
        "RestartSec": "0",  # systemd's timers are 0.25 s late
        # The master forwards the signal to its workers. systemd kills those that do not end.
        "KillMode": "mixed",
        "KillSignal": "SIGUSR1",
        "TimeoutStopSec": f"{params.stop_grace / 1000 + MORE_THAN_GRACE}s",
        # A machine that shuts down must not end HAProxy before Pacemaker has stopped PostgreSQL:
        # the last WAL of a primary passes through HAProxy.
        "DefaultDependencies": "no",
        # A reload that was killed leaves states that are out of date.
        "ExecStartPre": f"-/bin/sh -c 'echo 1 >{params.statedir}/servers.state'",
        # A new HAProxy knows no primary; the role file does.
        "ExecStartPost": f"-{agent} {FOLLOW}",
        "ExecReload": "/bin/kill -USR2 $MAINPID",
    }
    run(
        [
            "systemd-run",
            "--collect",
            f"--unit={unit(params)}",
            "--description=HAProxy of the resource agent ocf:paf:haproxy",
            f"--setenv=OCF_RESKEY_statedir={params.statedir}",
            *(f"--property={key}={value}" for key, value in properties.items()),
            command[0],
            "-Ws",
            *command[1:],
        ],
        timeout,
    )


def at_work(params: Params) -> bool:
    """Returns whether systemd runs HAProxy or is about to start it. False if it does not say."""
    command = ["systemctl", "show", "--property=ActiveState", "--value", unit(params)]
    try:
        return present() and run(command, WITHIN).strip() in ("active", "activating", "reloading")
    except AgentError:
        return False


def reason(params: Params) -> str:
    """Returns HAProxy's last alert in the journal, or how to look for it."""
    look = f"see: journalctl -u {unit(params)}"
    try:
        text = run(
            ["journalctl", f"--unit={unit(params)}", "--output=cat", f"--lines={LINES}"], WITHIN
        )
    except AgentError:
        return look
    lines = [line for line in text.splitlines() if "[ALERT]" in line and "exit" not in line]
    return f"{alert(lines[-1])} ({look})" if lines else look


def let_go(params: Params) -> None:
    """Tells systemd to end HAProxy (SIGUSR1) and not to start it again. Does not wait.

    Raises CommandError if systemd does not answer.
    """
    _stop(params, "--no-block")


def _stop(params: Params, *options: str) -> None:
    try:
        run(["systemctl", "stop", *options, unit(params)], WITHIN)
    except CommandError as error:
        if error.status != NO_SUCH_UNIT:  # it runs as a daemon, or has ended
            raise


def note_path(statedir: str) -> str:
    """Returns the file that HAProxy writes when PostgreSQL has ended or this node has missed a
    change of primary (role_memory.lua).
    """
    return statedir + "/memory/ended"


def watch(context: Context) -> None:
    """Has systemd start `report` when HAProxy writes a note (note_path); nothing runs meanwhile
    (systemd.path(5)). Does nothing if systemd does so already, or is not there.

    Raises AgentError if systemd refuses, or does not answer.
    """
    watcher = f"{name(context.statedir)}-crash"
    if not present() or _is_active(f"{watcher}.path"):
        return
    names = {
        "OCF_RESKEY_statedir": context.statedir,
        "OCF_RESOURCE_INSTANCE": context.instance,
        f"{META}on_node": context.node,
    }
    run(
        [
            "systemd-run",
            f"--unit={watcher}",
            f"--path-property=PathChanged={note_path(context.statedir)}",
            "--description=answer to a note of HAProxy, by ocf:paf:haproxy",
            "--property=Type=oneshot",
            "--property=StartLimitIntervalSec=0",
            *(f"--setenv={key}={value}" for key, value in names.items()),
            os.path.abspath(sys.argv[0]),
            REPORT,
        ],
        SOON,
    )


def unwatch(statedir: str) -> None:
    """Ends that, and does not wait for it. Raises AgentError if systemd does not answer."""
    if not present():
        return
    try:
        run(["systemctl", "stop", "--no-block", f"{name(statedir)}-crash.path"], SOON)
    except CommandError as error:
        if error.status != NO_SUCH_UNIT:
            raise


def _is_active(unit: str) -> bool:
    try:
        run(["systemctl", "--quiet", "is-active", unit], SOON)
    except CommandError as error:
        if error.timed_out:
            raise
        return False
    return True
