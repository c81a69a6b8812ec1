"""systemd, which starts a HAProxy that crashed anew: at once, where the monitor takes seconds.

HAProxy runs as a transient unit (systemd-run(1)): nothing is enabled, and nothing of it is left
once it has ended. The agent alone starts, reloads and stops it. Where there is no systemd, or it
does not do it, HAProxy runs by itself, and the monitor alone starts it anew.
"""

from __future__ import annotations

import os
import sys

from .context import DEFAULT_STATEDIR, FOLLOW
from .run import CommandError, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .params import Params

RUNNING = "/run/systemd/system"
"""It is there where systemd is the init system (sd_booted(3))."""
WITHIN = 5.0  # s for systemctl to answer
NO_SUCH_UNIT = 5
"""systemctl(1), "Exit status"."""
MORE_THAN_GRACE = 10.0  # s after stop_grace, then systemd kills what the agent should have ended


def present() -> bool:
    """Returns whether systemd runs this machine."""
    return os.path.isdir(RUNNING)


def unit(params: Params) -> str:
    """Returns the name of the unit, e.g. 'paf-haproxy.service'."""
    if params.statedir == DEFAULT_STATEDIR:
        return "paf-haproxy.service"
    return f"paf-haproxy{params.statedir.replace('/', '-')}.service"


def pidfile(params: Params) -> str:
    """Returns the file by which systemd finds the process to watch, a new one after a reload."""
    return str(params.statedir) + "/haproxy.pid"


def watches(params: Params) -> bool:
    """Returns whether the HAProxy that runs is systemd's to start anew."""
    return present() and os.path.exists(pidfile(params))


def start(params: Params, command: Sequence[str], take_over: Sequence[str], timeout: float) -> None:
    """Starts HAProxy by this command; a reload adds take_over to it, and the old process's pid.

    Raises CommandError if it does not start within timeout s, or is there already.
    """
    _stop(params)  # waits until a unit that has ended is gone, or one that begins again
    command = [*command, "-p", pidfile(params)]
    agent = os.path.abspath(sys.argv[0])
    properties = {
        "Type": "forking",
        "PIDFile": pidfile(params),
        # Not after an end that was asked for: a reload ends the old process, and a stop this one.
        "Restart": "on-failure",
        "RestartSec": "0",  # systemd's timers are 0.25 s late
        # Sessions in the old process of a reload are none of a new one's that crashed.
        "KillMode": "process",
        "KillSignal": "SIGUSR1",
        "TimeoutStopSec": f"{params.stop_grace / 1000 + MORE_THAN_GRACE}s",
        # A machine that goes down must not end HAProxy before Pacemaker has: the last WAL of a
        # primary passes through it.
        "DefaultDependencies": "no",
        # A new HAProxy knows of no primary; the role file does.
        "ExecStartPost": f"-{agent} {FOLLOW}",
        "ExecReload": " ".join([*command, *take_over, "$MAINPID"]),
    }
    run(
        [
            "systemd-run",
            "--quiet",
            "--collect",
            f"--unit={unit(params)}",
            "--description=HAProxy of the resource agent ocf:paf:haproxy",
            f"--setenv=OCF_RESKEY_statedir={params.statedir}",
            *(f"--property={name}={value}" for name, value in properties.items()),
            *command,
        ],
        timeout,
    )


def at_work(params: Params) -> bool:
    """Returns whether systemd runs HAProxy, or is about to start it anew; if unsaid, no."""
    command = ["systemctl", "show", "--property=ActiveState", "--value", unit(params)]
    try:
        return present() and run(command, WITHIN).strip() in ("active", "activating", "reloading")
    except CommandError:
        return False


def reload(params: Params, timeout: float) -> None:
    """Puts a new process in the place of the running one. Raises CommandError."""
    run(["systemctl", "reload", unit(params)], timeout)


def let_go(params: Params) -> None:
    """Asks HAProxy to end (SIGUSR1), and has it started anew no more. Does not wait for its end.

    Raises CommandError if systemd cannot be told.
    """
    _stop(params, "--no-block")


def _stop(params: Params, *options: str) -> None:
    try:
        run(["systemctl", "stop", *options, unit(params)], WITHIN)
    except CommandError as error:
        if error.status != NO_SUCH_UNIT:  # it runs without systemd, or has ended
            raise
