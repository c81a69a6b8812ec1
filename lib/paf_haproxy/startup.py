"""HAProxy is started with a configuration that works."""

from __future__ import annotations

from . import configuration, copies, kept, launch, log, process, rejection, rolefile
from .apply import describe, project
from .memory import remember, remembered
from .ocf import AgentError, Rejected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context
    from .params import Params
    from .rolefile import Role


def bring_up(context: Context, timeout: float) -> Params:
    """Starts HAProxy with the configuration that is asked for, or with the last valid one if that
    is rejected. Returns the parameters of the one that is in use.

    Raises AgentError if neither of them starts.
    """
    try:
        params = configuration.wanted(context)
        configuration.install(params, configuration.make(params, context.node))
        launch.start(params, timeout / 2)
    except AgentError as error:
        return _fall_back(context, error, timeout / 2)
    in_use(context, params)
    return params


def _fall_back(context: Context, error: AgentError, timeout: float) -> Params:
    """Starts HAProxy with the last valid configuration. error: why not with the one that is asked
    for; it is raised if there is none.
    """
    params = kept.restore(context.keepdir, context.statedir)
    if params is None:
        raise error
    try:
        launch.start(params, timeout)
    except AgentError as other:
        log.warning(f"the last valid configuration does not start either: {other.reason}")
        raise error from other
    rejection.reject(context, error.reason)
    return params


def in_use(context: Context, params: Params) -> None:
    """Notes that HAProxy serves with the configuration that is asked for."""
    configuration.commit(params)
    rolefile.remove_note(launch.refused_path(params))
    kept.save(params)
    rejection.accept(context)
    copies.tidy(params)


def revive(context: Context, params: Params, hung: bool) -> Role:
    """Starts a HAProxy again that died or hangs, with the configuration that it had, or with one
    that is valid. Returns the role that it follows.

    A demote, a stop, a start and a promote with all their notifications would do the same, seconds
    later. Raises AgentError if HAProxy cannot be started: then Pacemaker recovers the instance.
    """
    process.stop(params, context.timeout / 4, hung)
    try:
        launch.start(params, context.timeout / 4)
    except Rejected as error:
        log.warning(f"monitor: {error.reason}")
        params = bring_up(context, context.timeout / 2)
    role = remembered(params, context.promoted)
    role = role.after("monitor", repaired=role.repaired + 1)
    remember(params, role)
    changed = describe(project(params.statedir, role))
    log.warning(f"HAProxy had ended or did not answer; started again: {role.view}; {changed}")
    return role
