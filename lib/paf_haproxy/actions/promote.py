"""The promote action."""

from __future__ import annotations

from .. import configuration, log, postgres, process
from ..context import RESERVE
from ..memory import remember, remembered
from ..ocf import ERR_CONFIGURED, ERR_INSTALLED, SUCCESS, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context


def promote(context: Context) -> int:
    """Confirms that the local PostgreSQL is the primary. The servers follow by notification.

    It fails only if PostgreSQL answers that it is in recovery. If it cannot be asked, Pacemaker's
    information holds: a promotion that fails is repeated for ever, and HAProxy is restarted each
    time.
    """
    params = configuration.effective(context)
    process.require_running(params)
    role = remembered(params)
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
