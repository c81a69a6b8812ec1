"""A crash of the local PostgreSQL is reported to Pacemaker, whose monitor would find it up to 15 s
later.

HAProxy's session to PostgreSQL ends with the postmaster. HAProxy then writes a file, systemd
notices that and starts `report` (actions/report.py). Without systemd, the recurring monitor calls
`attempt`. PAF's own monitor, run outside of the cluster, confirms the crash. All decisions are
Pacemaker's and PAF's.
"""

from __future__ import annotations

import fcntl
import time

from . import log, pacemaker, postmaster, rolefile, supervisor
from .command import Program, run
from .crash_evidence import is_crash, running
from .ocf import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context
    from .params import Params

CHECK_WITHIN = 10.0  # s for PAF's monitor
ASK_WITHIN = 5.0  # s for Pacemaker
PATIENCE = 20.0  # s that a transition may last; PAF's own monitor comes at least as often
PAUSE = 0.25  # s between two attempts
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROMOTABLE = {"OCF_RESKEY_CRM_meta_master_max": "1", "OCF_RESKEY_CRM_meta_promoted_max": "1"}
"""crm_resource does not give these to an agent, and pgsqlms refuses to run without the first. Our
own parameters, which have names of PAF's, must not get there."""
HOUR = 3600
KNOWN = "it has been reported"


class Busy(AgentError):
    """Pacemaker is at work: it may know of the crash already."""


def watch(context: Context) -> None:
    """Sees that a crash of PostgreSQL is reported at once. Without systemd a monitor reports it."""
    try:
        supervisor.watch(context)
    except AgentError as error:
        log.warning(f"{error.reason}; the next monitor reports a crash of PostgreSQL")


def report(context: Context, params: Params) -> None:
    """Reports the crash of the local PostgreSQL, if it has crashed: now, or after the transition
    that is under way.
    """
    end = time.monotonic() + PATIENCE
    busy = attempt(context, params)
    while busy and time.monotonic() < end:
        time.sleep(PAUSE)
        busy = attempt(context, params, again=True)


def attempt(context: Context, params: Params, again: bool = False) -> bool:
    """Reports the crash of the local PostgreSQL if there is one to report. Returns whether another
    attempt may do so later, because Pacemaker is at work. It never fails a monitor. again: whether
    Pacemaker was at work a moment ago.
    """
    which = postmaster.crashed(params.pghost, params.pgport)
    if not which or not params.crash_reports:
        return False
    try:
        with open(f"{context.statedir}/crashes", "a+", encoding="ascii", errors="replace") as notes:
            fcntl.flock(notes, fcntl.LOCK_EX | fcntl.LOCK_NB)
            notes.seek(0)
            reason = settled(notes.read(), which, time.time(), params.crash_reports)
            if not reason:
                resource = confirm(context, params, again)
                if postmaster.crashed(params.pghost, params.pgport) != which:
                    return False  # PostgreSQL has been started meanwhile
                notes.write(f"{time.time():.0f} {which}\n")
                notes.flush()
                fail(resource, context.node)
                reason = KNOWN
            if reason != KNOWN:
                raise AgentError(reason)
    except BlockingIOError:
        pass  # another process is at it
    except Busy:
        return True
    except (AgentError, OSError) as error:
        _say_once(context, which, str(error))
    return False


def settled(notes: str, which: str, now: float, most: int) -> str:
    """Returns why a crash is not to be reported, or ''. Pure.

    notes: a line for each earlier report, 'TIME PID START', times in s. which: postmaster.crashed.
    most: reports in an hour.
    """
    reports = [line.partition(" ") for line in notes.splitlines()]
    if any(of == which for _, _, of in reports):
        return KNOWN
    recent = sum(now - int(when) < HOUR for when, _, _ in reports if when.isdecimal())
    if recent >= most:
        return f"{recent} crashes were reported within an hour (parameter crash_reports)"
    return ""


def confirm(context: Context, params: Params, again: bool) -> str:
    """Returns PAF's resource if Pacemaker believes that the instance runs, and PAF's monitor says
    that it has crashed. again: as in attempt().

    Raises Busy if Pacemaker is at work, and AgentError if there is nothing to report or that cannot
    be told.
    """
    status = run(["crm_mon", "--one-shot", "--inactive", "--output-as=xml"], ASK_WITHIN)
    found = running(status, params.pgsql_clone, context.node)
    if again:
        _require_idle(found.dc)  # a transition needs the CPU that PAF's monitor would take
    check = ["crm_resource", "--resource", found.resource, "--force-check", "--output-as=xml"]
    with Program(check, CHECK_WITHIN, {"PATH": PATH, **PROMOTABLE}) as monitor:
        _require_idle(found.dc)  # while PAF's monitor runs, which takes longer
        answer = monitor.output(fails=True)
    if not is_crash(answer):
        raise AgentError("PAF's own monitor does not confirm it")
    return found.resource


def _require_idle(dc: str) -> None:
    """Raises Busy if Pacemaker is at work. dc: the DC's node."""
    if not pacemaker.idle(dc):
        raise Busy("a transition is under way")


def fail(resource: str, node: str) -> None:
    """Reports it. Raises AgentError if Pacemaker does not take the report."""
    run(["crm_resource", "--fail", "--resource", resource, "--node", node], ASK_WITHIN)
    log.warning(
        f"PostgreSQL on {node} has crashed, as PAF's monitor confirms: reported to Pacemaker, which"
        f" shows it as 'Simulated failure' of {resource}"
    )


def _say_once(context: Context, which: str, reason: str) -> None:
    """Logs why a crash is not reported, once."""
    path = f"{context.statedir}/crash-told"
    if rolefile.read_note(path) == which:
        return
    log.warning(f"PostgreSQL on {context.node} has crashed; not reported to Pacemaker: {reason}")
    try:
        rolefile.write_note(path, which)
    except OSError:
        pass  # the next monitor says it again
