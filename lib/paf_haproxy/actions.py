"""All actions but notify. They may take their time."""

from __future__ import annotations

import sys

from . import configuration, log, process
from .lifecycle import RESERVE, running, start, stop, validate_all
from .memory import remember, remembered
from .ocf import ERR_CONFIGURED, ERR_INSTALLED, NOT_RUNNING, SUCCESS, AgentError
from .reload import reload
from .watch import watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context


def perform(context: Context) -> int:
    """Runs the action and returns its exit code. Raises AgentError."""
    if context.action == "meta-data":
        from .metadata import metadata

        sys.stdout.write(metadata())
        sys.stdout.flush()
        return SUCCESS
    return PERFORM[context.action](context)


def promote(context: Context) -> int:
    """Confirms that the local PostgreSQL is the primary. The servers follow by notification.

    It fails only if PostgreSQL answers that it is in recovery. If it cannot be asked, Pacemaker's
    information holds: a promotion that fails is repeated for ever, and HAProxy is restarted each
    time.
    """
    from . import postgres

    params = configuration.effective(context)
    role = running(params)
    try:
        unknown = postgres.await_primary(params, context.timeout - RESERVE)
    except AgentError as error:
        if error.code not in (ERR_CONFIGURED, ERR_INSTALLED):
            raise
        unknown = error.reason
    if unknown:
        log.warning(f"{unknown}; HAProxy is promoted, because Pacemaker has promoted PostgreSQL")
    else:
        log.info("promote: PostgreSQL on this node is the primary")
    remember(params, role.after("promote", promoted=True))
    return SUCCESS


def demote(context: Context) -> int:
    """Forgets the promoted role. HAProxy serves on: the last WAL passes through it.

    A HAProxy that hangs is not asked, and not waited for: after its monitor failed it is demoted
    first, and the stop that ends it comes next.
    """
    params = configuration.effective(context)
    if process.leader(params) is None and not process.comes_back(params):
        return NOT_RUNNING
    role = remembered(params)
    remember(params, role.after("demote", promoted=False))
    return SUCCESS


PERFORM = {
    "start": start,
    "stop": stop,
    "monitor": watch,
    "promote": promote,
    "demote": demote,
    "validate-all": validate_all,
    "reload": reload,
    "reload-agent": reload,
}
