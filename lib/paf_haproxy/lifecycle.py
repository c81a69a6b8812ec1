"""HAProxy's life on this node: start, stop, reload, and what they need to be there."""

from __future__ import annotations

import os
import pwd

from . import log, lookout, pacemaker, process, render, rolefile, runtime, stats, supervisor
from .beliefs import learn, remembered
from .cluster import ClusterView
from .monitor import respected
from .notify import describe, project
from .ocf import ERR_CONFIGURED, ERR_INSTALLED, ERR_PERM, SUCCESS, AgentError
from .params import Params, parse_leniently
from .rolefile import Role

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context

RESERVE = 2.0  # s of an action's timeout that are left to end it properly


def validate_all(context: Context, params: Params) -> int:
    """Checks what a start needs, without touching what runs."""
    os.unlink(checked(context, params))
    log.tell("the parameters are right, and HAProxy takes the configuration that they make")
    return SUCCESS


def checked(context: Context, params: Params) -> str:
    """Returns the path of a new configuration that is not yet in use, when all that it needs is
    there and HAProxy itself takes it. Raises AgentError.
    """
    if not os.access(params.haproxy, os.X_OK):
        raise AgentError(f"parameter haproxy: no program {params.haproxy}", ERR_INSTALLED)
    try:
        pwd.getpwnam(params.user)
    except KeyError as error:
        raise AgentError(f"parameter user: no user {params.user}", ERR_CONFIGURED) from error
    try:
        pwd.getpwnam(params.system_user)
    except KeyError:
        text = f"parameter system_user: no user {params.system_user}: HAProxy serves clients here"
        log.warning(f"{text}, but nothing can be promoted")
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
    memory(params)


def memory(params: Params) -> None:
    """Makes the one directory in the state directory that HAProxy itself may write to: what it is
    certain of outlives a reload and a crash. Without it, PostgreSQL and the agent are asked again.
    """
    path = params.statedir + "/memory"
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        os.chown(path, pwd.getpwnam(params.user).pw_uid, -1)
    except (OSError, KeyError) as error:
        log.warning(f"{path} cannot be made: {error}")


def start(context: Context, params: Params) -> int:
    """Returns once HAProxy serves and follows what Pacemaker knows."""
    new = checked(context, params)
    haproxy = runtime.Runtime(runtime.admin_socket(params.statedir))
    role = Role(ClusterView())
    try:
        process.pid(haproxy)
        os.unlink(new)
        role = remembered(params)
        log.info("start: HAProxy runs already")
    except AgentError:
        if process.find(params):
            process.stop(params, context.timeout / 2)
        render.install(params, new)
        process.launch(params, context.timeout - RESERVE)
    # A restart of Pacemaker's own makes no difference to HAProxy; who is primary may have changed.
    role = role.after("start", view=learn(params) or remembered(params).view)
    rolefile.save(params.statedir, role)
    role = respected(params, role)
    log.info(f"start: {role.view}; {describe(project(params.statedir, role))}")
    log.tell(f"HAProxy serves: {role.view}")
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
        process.state_path(params),
        supervisor.pidfile(params),
        render.source_path(params),
        lookout.path(params.statedir),
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


def running(params: Params) -> Role:
    """Returns the role file's content. Raises NotServing if HAProxy is not there."""
    try:
        process.pid(runtime.Runtime(runtime.admin_socket(params.statedir)))
    except runtime.NotServing:
        if not process.comes_back(params):
            raise
    return remembered(params)


def reload(context: Context, params: Params) -> int:
    """Puts a new configuration into use; open sessions go on in the old process.

    While clients wait for a primary, the next monitor that finds none waiting does it: the old
    process asks its servers no more, and whoever waits in it would wait in vain.
    """
    role = running(params)
    render.install(params, checked(context, params))
    lookout.forget(params.statedir)
    if stats.waiting(runtime.Runtime(runtime.admin_socket(params.statedir))):
        process.put_off_reload(params)
        log.info(f"{context.action}: clients wait for a primary; HAProxy is reloaded after that")
        return SUCCESS
    process.launch(params, context.timeout - RESERVE)
    log.info(f"{context.action}: {describe(project(params.statedir, role))}")
    return SUCCESS


def catch_up(context: Context, params: Params) -> None:
    """Reloads HAProxy as it was put off before, once no client waits any more."""
    if stats.waiting(runtime.Runtime(runtime.admin_socket(params.statedir))):
        return
    process.launch(params, context.timeout - RESERVE)
    changed = describe(project(params.statedir, remembered(params)))
    log.info(f"{context.action}: the reload that had to wait: {changed}")
