"""The reload action: HAProxy takes a new configuration, or keeps the one that it has."""

from __future__ import annotations

import os
import time

from .. import (
    configuration,
    launch,
    log,
    parameters_file,
    pooler,
    process,
    rejection,
    rolefile,
    runtime,
    stats,
)
from ..apply import describe, project
from ..context import RESERVE
from ..memory import remembered
from ..ocf import SUCCESS, AgentError, Refused, Rejected
from ..startup import in_use
from . import fast_monitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context
    from ..params import Params

REFUSED_FOR = 3600.0  # s, then a configuration that HAProxy itself refused is tried again


def reload(context: Context) -> int:
    """Puts a new configuration into use; open sessions go on in the worker before it. A rejected
    configuration changes nothing and is reported; it is no failure of the action.

    If clients wait for a primary, a later monitor reloads. A worker that finishes its sessions does
    not check servers any more, so clients in its queue would never be served.
    """
    current = configuration.effective(context)
    process.require_running(current)
    role = remembered(current)
    new = ""
    try:
        params = configuration.wanted(context)
        new = configuration.make(params, context.node)
        if why := refused(params, new):
            os.unlink(new)
            raise Rejected(why)
        fast_monitor.forget(params.statedir)
        if must_wait(params):
            os.unlink(new)
            if not launch.reload_is_due(params):
                text = "clients wait for a primary; HAProxy is reloaded after that"
                log.info(f"{context.action}: {text}")
            launch.put_off_reload(params)
            return SUCCESS
        put_into_use(context, params, new)
    except Rejected as error:
        rejection.reject(context, error.reason)
        return SUCCESS
    log.info(f"{context.action}: {describe(project(params.statedir, role))}")
    if params.pooler:
        pooler.renew(params)
    return SUCCESS


def must_wait(params: Params) -> bool:
    """Returns whether a reload has to wait for clients in the queue. At most for hold_timeout: the
    clients that were there have been served or refused by then, and it may be the reload that
    brings the primary back.
    """
    if launch.put_off_for(params) * 1000 > params.hold_timeout:
        return False
    return stats.waiting(runtime.Runtime(runtime.admin_socket(params.statedir))) > 0


def put_into_use(context: Context, params: Params, new: str) -> None:
    """Reloads HAProxy with a configuration that was checked. If HAProxy does not take it, the one
    before it is in its place again. Raises Rejected, or AgentError if HAProxy does not answer.
    """
    timeout = context.timeout - RESERVE
    tried = configuration.digest(new)
    with configuration.before(params) as undo:
        try:
            configuration.install(params, new)
            if process.command(params)[:1] != [params.haproxy] or not process.has_master(params):
                text = "HAProxy is restarted, because its program changes; its sessions end"
                log.warning(f"{context.action}: {text}")
                process.stop(params, timeout / 3)
                launch.start(params, timeout / 2)
            else:
                launch.reload(params, timeout)
        except (AgentError, OSError) as error:
            undo()
            if process.leader(params) is None:
                launch.start(parameters_file.read(params.statedir) or params, timeout / 4)
            if isinstance(error, Refused):
                _note_refusal(params, f"{tried} {error.reason}")
            raise
    in_use(context, params)


def _note_refusal(params: Params, line: str) -> None:
    path = launch.refused_path(params)
    try:
        rolefile.write_note(path, line)
    except OSError as error:
        log.warning(f"cannot write {path}: {error.strerror}; the next monitor tries it again")


def refused(params: Params, new: str) -> str:
    """Returns why HAProxy itself refused this configuration a short time ago, or ''.

    It is not tried again by every monitor: each try counts as a reload of the worker that serves,
    and after the next success HAProxy ends a worker with too many (mworker-max-reloads).
    """
    path = launch.refused_path(params)
    try:
        age = time.time() - os.stat(path).st_mtime
    except OSError:
        return ""
    tried, _, why = rolefile.read_note(path).partition(" ")
    return why if 0 <= age < REFUSED_FOR and tried == configuration.digest(new) else ""
