"""HAProxy on this node: start and stop."""

from __future__ import annotations

import os

from . import (
    configuration,
    copies,
    kept,
    launch,
    log,
    lookout,
    master,
    pacemaker,
    process,
    rejection,
    render,
    rolefile,
    runtime,
    supervisor,
)
from .apply import describe, project
from .memory import learn, remember, remembered, respected
from .ocf import SUCCESS, AgentError, Rejected
from .rolefile import Role
from .view import ClusterView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context
    from .params import Params

RESERVE = 2.0  # s of an action's timeout that are left to end it properly
STOP_RESERVE = 8.0  # s, the same for a stop, which tells Pacemaker twice of its end


def validate_all(context: Context) -> int:
    """Checks what a start needs, without touching what runs. Raises Rejected."""
    params = configuration.wanted(context)
    os.unlink(configuration.make(params, context.node))
    log.tell("the parameters are valid, and HAProxy accepts the configuration made from them")
    return SUCCESS


def start(context: Context) -> int:
    """Returns once HAProxy serves and follows what Pacemaker knows."""
    params = configuration.effective(context)
    role = Role(ClusterView())
    try:
        process.ask_twice(params)
        role = remembered(params)
        log.info("start: HAProxy runs already")
    except AgentError:
        if process.leader(params):
            process.stop(params, context.timeout / 3)
        params = bring_up(context, context.timeout - RESERVE)
    # A restart by Pacemaker makes no difference to HAProxy; the primary may have changed.
    role = role.after("start", view=learn(params) or remembered(params).view)
    remember(params, role)
    role = respected(params, role, context.instance)
    log.info(f"start: {role.view}; {describe(project(params.statedir, role))}")
    log.tell(f"HAProxy serves: {role.view}")
    pacemaker.set_promotable(context.instance, context.node)
    watch_postgres(context)
    return SUCCESS


def watch_postgres(context: Context) -> None:
    """Sees that a crash of PostgreSQL is reported at once. Without systemd a monitor reports it."""
    try:
        supervisor.watch(context)
    except AgentError as error:
        log.warning(f"{error.reason}; the next monitor reports a crash of PostgreSQL")


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


def stop(context: Context) -> int:
    """Ends HAProxy, also if the parameters have become invalid: a failed stop means fencing."""
    params = configuration.effective(context)
    process.stop(params, max(context.timeout - STOP_RESERVE, context.timeout / 2))
    for leftover in (
        rolefile.path(params.statedir),
        runtime.admin_socket(params.statedir),
        master.path(params.statedir),
        process.pid_path(params),
        launch.due_path(params),
        launch.refused_path(params),
        launch.state_path(params),
        render.source_path(params),
        lookout.path(params.statedir),
    ):
        try:
            os.unlink(leftover)
        except FileNotFoundError:
            pass
        except OSError as error:
            # HAProxy has ended, so the stop has done its work.
            log.warning(f"stop: cannot remove {leftover}: {error.strerror}")
    rejection.accept(context)
    try:
        pacemaker.unset_promotable(context.instance, context.node)
    except AgentError as error:
        log.warning(f"stop: {error.reason}")
    try:
        supervisor.unwatch(params.statedir)
    except AgentError as error:
        log.warning(f"stop: {error.reason}")
    return SUCCESS


def running(params: Params) -> Role:
    """Returns the role file's content. Raises NotServing if HAProxy does not run."""
    try:
        process.ask_twice(params)
    except runtime.NotServing:
        if not process.comes_back(params):
            raise
    return remembered(params)


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
