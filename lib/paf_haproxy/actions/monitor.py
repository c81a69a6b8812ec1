"""The monitor action: HAProxy is checked, corrected, started again or reloaded."""

from __future__ import annotations

import os

from .. import (
    configuration,
    crash,
    launch,
    log,
    pacemaker,
    process,
    rejection,
    render,
    request,
    rolefile,
    runtime,
)
from ..apply import describe
from ..memory import remember, remembered
from ..ocf import NOT_RUNNING, RUNNING_PROMOTED, SUCCESS, AgentError, Rejected
from ..routing import PROD, STDBY, commands, wanted
from ..startup import revive
from . import fast_monitor
from .reconcile import reconcile
from .reload import must_wait, reload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context
    from ..params import Params

ASK_AGAIN = 2.0
"""s for a second answer of a HAProxy that did not answer in time. A virtual machine that was paused
has let the first time pass for both sides."""


def monitor(context: Context) -> int:
    """Monitors HAProxy, and sees that it runs with the configuration that is asked for.

    Pacemaker reports a changed parameter by a reload, but not after a cleanup of the resource. It
    does not report that a node was added or removed.
    """
    if not context.interval:
        return inspect(context)
    code = look_after(context)
    if code == RUNNING_PROMOTED and not context.promoted:
        return step_down(context)
    return code


def inspect(context: Context) -> int:
    """Returns HAProxy's state as an exit code, and changes nothing. This is a probe, or a person
    types `crm_resource --force-check`: Pacemaker may run another action at the same time.

    The next monitor makes a full check: Pacemaker may record what a probe finds as a failure
    (pacemaker.forget_probe). Raises Hung if HAProxy does not answer.
    """
    params = configuration.effective(context)
    fast_monitor.forget(params.statedir)
    haproxy = runtime.Runtime(runtime.admin_socket(params.statedir))
    try:
        process.ask_twice(params)
        have, up = haproxy.servers()
    except runtime.NotServing as error:
        if not process.comes_back(params):
            if process.leader(params):
                raise runtime.Hung(f"{error.reason}, but its process is there") from error
            log.tell("HAProxy does not run on this node")
            return NOT_RUNNING
        have, up = haproxy.servers()
    role = remembered(params, context.promoted)
    leads = {pool: sorted(node for of, node in up if of == pool) for pool in (PROD, STDBY)}
    words = (f"{pool} to {' '.join(nodes) or 'nobody'}" for pool, nodes in leads.items())
    log.tell(f"{role.view}; HAProxy leads {', '.join(words)}")
    want = wanted(role.view, sorted({node for _, node in have}), role.drained)
    lines = commands(have, want) if role.view.primary else []
    if lines:
        log.tell(f"the next monitor action will set: {describe(lines)}")
    reason = rejection.reason(params.statedir)
    if reason:
        log.tell(f"the configuration that is asked for is rejected: {reason}")
    return RUNNING_PROMOTED if role.promoted else SUCCESS


def step_down(context: Context) -> int:
    """Forgets the promoted role, as a demote does: Pacemaker takes the instance for unpromoted.

    Pacemaker records a reload as a start. If a transition has cancelled the monitor of the promoted
    role and is aborted before the demote, Pacemaker no longer knows of the promotion.
    RUNNING_PROMOTED would be a failure then, and HAProxy would be restarted. Returns SUCCESS.
    """
    params = configuration.effective(context)
    log.info("monitor: promoted no more, because Pacemaker says that this instance is unpromoted")
    remember(params, remembered(params).after("monitor", promoted=False))
    return SUCCESS


def look_after(context: Context) -> int:
    """Returns HAProxy's state as an exit code, after a repair if it needs one."""
    seen = fast_monitor.state(context)
    params = configuration.effective(context)
    try:
        code = reconcile(params, context.promoted, context.instance)
    except AgentError as error:
        if still_hangs(params):
            log.warning(f"monitor: {error.reason}")
            return _code(revive(context, params, hung=True))
        code = reconcile(params, context.promoted, context.instance)
    if code == NOT_RUNNING:
        if os.path.exists(rolefile.path(params.statedir)):
            return _code(revive(context, params, hung=False))
        return code
    request.take(context)
    crash.watch(context)
    crash.attempt(context, params)
    try:
        follow_configuration(context, params, seen)
    except (AgentError, OSError) as error:
        log.warning(f"monitor: HAProxy serves on as it is: {error}")
    try:
        if not pacemaker.forget_probe(context.instance, context.node):
            fast_monitor.forget(params.statedir)  # the next monitor tries again
    except AgentError as error:
        log.warning(f"monitor: {error.reason}")
    return code


def _code(role: rolefile.Role) -> int:
    """Pacemaker is not told of the restart: a change of the result would give it work to do, for
    which a failover would have to wait.
    """
    return RUNNING_PROMOTED if role.promoted else SUCCESS


def still_hangs(params: Params) -> bool:
    """Returns whether HAProxy does not answer a second time either. To kill it costs all sessions
    of the node.
    """
    try:
        process.worker(runtime.Runtime(runtime.admin_socket(params.statedir), ASK_AGAIN))
    except runtime.NotServing:
        return process.leader(params) is not None
    except AgentError:
        return True
    return False


def follow_configuration(context: Context, params: Params, seen: str | None) -> None:
    """Reloads HAProxy if the parameters make another configuration, and reports it if that
    configuration is rejected. seen: fast_monitor.state() when the monitor began.

    Raises AgentError or OSError if it cannot find out, or HAProxy does not answer.
    """
    try:
        asked = configuration.wanted(context)
    except Rejected as error:
        rejection.reject(context, error.reason)
        fast_monitor.remember(context, seen)
        return
    if not remembered(params).view.settled:
        return
    if launch.reload_is_due(params):
        if not must_wait(params):
            reload(context)
        return
    if not render.is_current(asked):
        if render.is_upgraded():
            log.info("monitor: the package is being upgraded; the next monitor looks again")
            return
        if not rejection.reason(params.statedir):
            log.warning("monitor: the parameters or the cluster's nodes have changed")
        reload(context)
        # If it is rejected, the next monitor tries again: a file or a port may be mended by then.
    else:
        rejection.accept(context)
        fast_monitor.remember(context, seen)
