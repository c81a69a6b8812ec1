"""The start action: HAProxy serves, and follows what Pacemaker knows."""

from __future__ import annotations

from .. import configuration, crash, log, pacemaker, process
from ..apply import describe, project
from ..context import RESERVE
from ..memory import learn, remember, remembered, respected
from ..ocf import SUCCESS, AgentError
from ..rolefile import Role
from ..startup import bring_up
from ..view import ClusterView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context


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
    crash.watch(context)
    return SUCCESS
