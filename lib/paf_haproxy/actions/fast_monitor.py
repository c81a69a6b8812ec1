"""Fast path of the recurring monitor: nothing has changed since the last full check. A hot path: it
runs on every node every few seconds.
"""

from __future__ import annotations

import os
import time

from .. import __version__, postmaster, rolefile, runtime, silence
from ..ocf import RUNNING_PROMOTED, SUCCESS, AgentError
from ..routing import PROD, commands, wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context

CIB = "/var/lib/pacemaker/cib/cib.xml"
"""Written anew with each change of the configuration: parameters, nodes, attributes of nodes."""
VALID = 60.0  # s after a full check; then another one is made in any case
PATIENCE = 1.0  # s for HAProxy to answer; a full check waits longer


def look(context: Context) -> int | None:
    """Returns the exit code, or None if a full check is needed: something has changed, is not as
    it should be, or cannot be told.
    """
    if not context.interval:
        return None  # a probe, or a person's
    socket = runtime.admin_socket(context.statedir)
    try:
        role = rolefile.load(context.statedir)
        if role is None or not role.view.settled or not _seen(context):
            return None
        if role.promoted and not context.promoted:
            return None
        if silence.reported(context.statedir) or postmaster.suspected(context.parameters):
            return None
        have, up = runtime.Runtime(socket, PATIENCE).servers()
    except AgentError:
        return None
    want = wanted(role.view, {node for _, node in have}, role.drained)
    if commands(have, want):
        return None
    if (PROD, role.view.primary) not in up and not _recovering():
        return None
    return RUNNING_PROMOTED if role.promoted else SUCCESS


def _recovering() -> bool:
    """Returns whether Pacemaker is at work: it may be recovering the primary, and needs the CPU
    that a full check would take. The next monitor makes one.
    """
    from .. import pacemaker  # only if there is no primary

    return pacemaker.busy()


def path(statedir: str) -> str:
    """Returns the file that says what the last full check found all right."""
    return statedir + "/seen"


def state(context: Context) -> str | None:
    """Returns what a monitor depends on besides HAProxy: our version, the parameters and the CIB;
    None where it cannot be told.
    """
    try:
        cib = os.stat(CIB)
    except OSError:
        return None
    parameters = sorted(context.parameters.items())
    return f"{__version__}\n{cib.st_ino} {cib.st_mtime_ns}\n{parameters}\n"


def remember(context: Context, seen: str | None) -> None:
    """Notes that a full check found nothing wrong. seen: state() when it began."""
    if seen is None:
        return
    try:
        with open(path(context.statedir), "w", encoding="utf-8") as file:
            file.write(seen)
    except OSError:
        pass  # the next monitor makes a full check


def forget(statedir: str) -> None:
    """Lets the next monitor make a full check: HAProxy is not the one of the last check."""
    try:
        os.unlink(path(statedir))
    except OSError:
        pass  # there is none, or it is valid for at most a minute


def _seen(context: Context) -> bool:
    try:
        with open(path(context.statedir), encoding="utf-8", errors="replace") as file:
            age = time.time() - os.fstat(file.fileno()).st_mtime
            return 0 <= age < VALID and file.read() == state(context)
    except OSError:
        return False
