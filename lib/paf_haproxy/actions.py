"""All actions but notify. They may take their time."""

from __future__ import annotations

import os
import pwd
import sys

from . import log, pacemaker, process, render, rolefile, runtime, stats
from .beliefs import learn, remembered
from .monitor import monitor
from .notify import describe, project
from .ocf import (
    DEGRADED,
    DEGRADED_PROMOTED,
    ERR_CONFIGURED,
    ERR_INSTALLED,
    ERR_PERM,
    NOT_RUNNING,
    SUCCESS,
    AgentError,
)
from .params import Params, parse, parse_leniently
from .rolefile import Role

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context

RESERVE = 2.0  # s of an action's timeout that are left to end it properly


def perform(context: Context) -> int:
    """Runs the action and returns its exit code. Raises AgentError."""
    if context.action == "meta-data":
        from .metadata import metadata

        sys.stdout.write(metadata())
        sys.stdout.flush()
        return SUCCESS
    if context.action == "stop":
        return stop(context)
    if context.action == "monitor":
        return watch(context)
    if context.action == "demote":
        return demote(context)
    params = parse(context.parameters)
    if context.action == "validate-all":
        return validate_all(context, params)
    if context.action == "start":
        return start(context, params)
    if context.action == "promote":
        return promote(context, params)
    return reload(context, params)


def validate_all(context: Context, params: Params) -> int:
    """Checks what a start needs, without touching what runs."""
    os.unlink(checked(context, params))
    return SUCCESS


def checked(context: Context, params: Params) -> str:
    """Returns the path of a new configuration that is not yet in use, when all that it needs is
    there and HAProxy itself takes it. Raises AgentError.
    """
    if not os.access(params.haproxy, os.X_OK):
        raise AgentError(f"parameter haproxy: no program {params.haproxy}", ERR_INSTALLED)
    for name in ("user", "system_user"):
        try:
            pwd.getpwnam(getattr(params, name))
        except KeyError as error:
            user = getattr(params, name)
            raise AgentError(f"parameter {name}: no user {user}", ERR_CONFIGURED) from error
    prepare(params)
    return render.check(params, render.render(params, context.node))


def prepare(params: Params) -> None:
    """Makes the state directory, or sees that root alone can write to it."""
    try:
        if not os.path.lexists(params.statedir):
            os.makedirs(params.statedir)
            os.chmod(params.statedir, 0o755)  # noqa: S103 - the role file is for all to read
        status = os.lstat(params.statedir)
    except OSError as error:
        text = f"parameter statedir: {params.statedir}: {error.strerror}"
        raise AgentError(text, ERR_PERM) from error
    if status.st_uid != 0 or status.st_mode & 0o022 or not os.path.isdir(params.statedir):
        text = f"parameter statedir: {params.statedir} must be a directory that only root writes to"
        raise AgentError(text, ERR_PERM)


def start(context: Context, params: Params) -> int:
    """Returns once HAProxy serves and follows what Pacemaker knows."""
    new = checked(context, params)
    haproxy = runtime.Runtime(runtime.admin_socket(params.statedir))
    promoted = False
    try:
        process.pid(haproxy)
        os.unlink(new)
        promoted = remembered(params).promoted
        log.info("start: HAProxy runs already")
    except AgentError:
        if process.find(params):
            process.stop(params, context.timeout / 2)
        render.install(params, new)
        process.launch(params, context.timeout - RESERVE)
    # A restart of Pacemaker's own makes no difference to HAProxy; who is primary may have changed.
    view = learn(params) or remembered(params).view
    rolefile.save(params.statedir, Role(view, promoted, "start"))
    log.info(f"start: {view}; {describe(project(params.statedir, view))}")
    pacemaker.set_promotable(context.instance, context.node)
    return SUCCESS


def stop(context: Context) -> int:
    """Ends HAProxy, also where the parameters have become wrong: a failed stop means fencing."""
    params = lenient(context)
    process.stop(params, context.timeout - RESERVE)
    for leftover in (
        rolefile.path(params.statedir),
        runtime.admin_socket(params.statedir),
        process.due_path(params),
        render.source_path(params),
    ):
        try:
            os.unlink(leftover)
        except FileNotFoundError:
            pass
    try:
        pacemaker.unset_promotable(context.instance, context.node)
    except AgentError as error:
        log.warning(f"stop: {error.reason}")
    return SUCCESS


def lenient(context: Context) -> Params:
    """Returns the parameters, the default of each that cannot be read; for probes and stops."""
    return parse_leniently(context.parameters, log.warning)


def watch(context: Context) -> int:
    """Monitors HAProxy, and sees that it runs with the configuration that is asked for.

    Pacemaker tells of a parameter that was changed by a reload, but not after a cleanup of the
    resource; and of a node that was added or removed it tells nobody.
    """
    params = lenient(context)
    try:
        code = monitor(params, context.timeout - RESERVE, context.promoted)
    except AgentError as error:
        if not context.interval:
            raise
        log.warning(f"monitor: {error.reason}")
        return revive(context, params)
    if code == NOT_RUNNING and context.interval and os.path.exists(rolefile.path(params.statedir)):
        return revive(context, params)
    if code != NOT_RUNNING:
        try:
            params = parse(context.parameters)
            if remembered(params).view.settled and not render.is_current(params):
                log.warning("monitor: the parameters or the cluster's nodes have changed")
                reload(context, params)
        except AgentError as error:
            log.warning(f"monitor: HAProxy serves on as it is: {error.reason}")
    return code


def revive(context: Context, params: Params) -> int:
    """Starts a HAProxy anew that died or hangs: where a demote, a stop, a start and a promote with
    all their notifications would come to the same, seconds later.

    Its exit code lets Pacemaker show it as a failure, and do nothing else. Raises AgentError if it
    cannot be started: then Pacemaker recovers the instance.
    """
    process.stop(params, context.timeout / 3)
    process.launch(params, context.timeout / 3)
    role = remembered(params, context.promoted)
    changed = describe(project(params.statedir, role.view))
    log.exit_reason(f"HAProxy was gone or did not answer; started anew: {role.view}; {changed}")
    return DEGRADED_PROMOTED if role.promoted else DEGRADED


def promote(context: Context, params: Params) -> int:
    """Confirms that the local PostgreSQL is the primary. The servers follow by notification."""
    from . import postgres

    role = running(params)
    postgres.await_primary(params, context.timeout - RESERVE)
    rolefile.save(params.statedir, Role(role.view, True, "promote"))
    log.info("promote: PostgreSQL on this node is the primary")
    return SUCCESS


def demote(context: Context) -> int:
    """Forgets the promoted role. HAProxy serves on: the last WAL passes through it.

    One that hangs is not asked, and not waited for: after its monitor failed it is demoted first,
    and the stop that ends it comes next.
    """
    params = lenient(context)
    if not process.find(params):
        return NOT_RUNNING
    role = remembered(params)
    rolefile.save(params.statedir, Role(role.view, False, "demote"))
    return SUCCESS


def running(params: Params) -> Role:
    """Returns the role file's content. Raises NotServing if HAProxy is not there."""
    process.pid(runtime.Runtime(runtime.admin_socket(params.statedir)))
    return remembered(params)


def reload(context: Context, params: Params) -> int:
    """Puts a new configuration into use; open sessions go on in the old process.

    While clients wait for a primary, the next monitor that finds none waiting does it: the old
    process asks its servers no more, and whoever waits in it would wait in vain.
    """
    role = running(params)
    render.install(params, checked(context, params))
    if stats.waiting(runtime.Runtime(runtime.admin_socket(params.statedir))):
        process.put_off_reload(params)
        log.info(f"{context.action}: clients wait for a primary; HAProxy is reloaded after that")
        return SUCCESS
    process.launch(params, context.timeout - RESERVE)
    log.info(f"{context.action}: {describe(project(params.statedir, role.view))}")
    return SUCCESS
