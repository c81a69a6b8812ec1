"""What systemd starts when HAProxy has written a note (supervisor.watch). Not an action of
Pacemaker's.
"""

from __future__ import annotations

from .. import crash, parameters_file
from ..ocf import SUCCESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context


def report(context: Context) -> int:
    """Reports a crash of the local PostgreSQL."""
    params = parameters_file.read(context.statedir)
    if params is not None:
        crash.report(context, params)
    return SUCCESS
