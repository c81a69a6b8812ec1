"""What systemd starts when HAProxy has written a note (supervisor.watch). Not an action of
Pacemaker's.
"""

from __future__ import annotations

from .. import crash, missed_change, parameters_file
from ..ocf import SUCCESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context


def report(context: Context) -> int:
    """Reports a crash of the local PostgreSQL, or brings HAProxy to a primary that this node's
    notifications did not tell.

    systemd does not start the agent a second time while it runs, so a crash that comes meanwhile is
    looked for at the end.
    """
    params = parameters_file.read(context.statedir)
    if params is not None:
        crash.report(context, params)
        if missed_change.follow(params):
            crash.report(context, params)
    return SUCCESS
