"""The monitor action as a whole: HAProxy is looked at, mended, started anew or reloaded."""

from __future__ import annotations

import os

from . import log, lookout, process, render, rolefile, runtime
from .beliefs import remembered
from .lifecycle import catch_up, lenient, reload
from .monitor import monitor, remember
from .notify import describe, project
from .ocf import NOT_RUNNING, RUNNING_PROMOTED, SUCCESS, AgentError
from .params import Params, parse
from .routing import PROD, STDBY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context


def watch(context: Context) -> int:
    """Monitors HAProxy, and sees that it runs with the configuration that is asked for.

    Pacemaker tells of a parameter that was changed by a reload, but not after a cleanup of the
    resource; and of a node that was added or removed it tells nobody.
    """
    code = look_after(context)
    if code == RUNNING_PROMOTED and context.interval and not context.promoted:
        return step_down(context)
    return code


def step_down(context: Context) -> int:
    """Forgets the promoted role, as a demote does: Pacemaker takes the instance for unpromoted.

    It records a reload as a start, and where a transition has cancelled the promoted monitor and
    is cut off before the demote, nothing tells it of the promotion any more. RUNNING_PROMOTED would
    be a failure then, and HAProxy restarted for a name. Returns SUCCESS.
    """
    params = lenient(context)
    log.info("monitor: promoted no more, for Pacemaker takes this instance for unpromoted")
    remember(params, remembered(params).after("monitor", promoted=False))
    return SUCCESS


def look_after(context: Context) -> int:
    """Returns what is found, as an exit code, once it has been mended where it can be."""
    seen = lookout.state(context)
    params = lenient(context)
    try:
        code = monitor(params, context.promoted, context.instance)
    except runtime.Hung as error:
        if not context.interval:
            raise
        log.warning(f"monitor: {error.reason}")
        return revive(context, params)
    if code == NOT_RUNNING and context.interval and os.path.exists(rolefile.path(params.statedir)):
        return revive(context, params)
    if code != NOT_RUNNING:
        try:
            params = parse(context.parameters)
            settled = remembered(params).view.settled
            if settled and not render.is_current(params):
                if context.interval and render.is_upgraded():
                    log.info("monitor: the package is being upgraded; the next monitor looks again")
                    return code
                log.warning("monitor: the parameters or the cluster's nodes have changed")
                reload(context, params)
            elif process.reload_is_due(params):
                catch_up(context, params)
            elif settled:
                lookout.remember(context, seen)
        except (AgentError, OSError) as error:
            log.warning(f"monitor: HAProxy serves on as it is: {error}")
    if not context.interval:
        log.tell(summary(context, code))
    return code


def revive(context: Context, params: Params) -> int:
    """Starts a HAProxy anew that died or hangs: where a demote, a stop, a start and a promote with
    all their notifications would come to the same, seconds later.

    Returns what a monitor of one that runs does. Pacemaker is told of no change, lest it has
    anything to do that a failover would have to wait for. Raises AgentError if HAProxy cannot be
    started: then Pacemaker recovers the instance.
    """
    process.stop(params, context.timeout / 3)
    process.launch(params, context.timeout / 3)
    role = remembered(params, context.promoted)
    role = role.after("monitor", repaired=role.repaired + 1)
    remember(params, role)
    changed = describe(project(params.statedir, role))
    log.warning(f"HAProxy was gone or did not answer; started anew: {role.view}; {changed}")
    return RUNNING_PROMOTED if role.promoted else SUCCESS


def summary(context: Context, code: int) -> str:
    """Returns what a monitor found, in a line: for `crm_resource --force-check`."""
    if code == NOT_RUNNING:
        return "HAProxy does not run here"
    try:
        _, up = runtime.Runtime(runtime.admin_socket(context.statedir)).servers()
    except AgentError as error:
        return error.reason
    leads = {pool: sorted(node for of, node in up if of == pool) for pool in (PROD, STDBY)}
    words = (f"{pool} to {' '.join(nodes) or 'nobody'}" for pool, nodes in leads.items())
    return f"{remembered(lenient(context)).view}; HAProxy leads {', '.join(words)}"
