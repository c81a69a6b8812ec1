"""The demote action."""

from __future__ import annotations

from .. import configuration, process
from ..memory import remember, remembered
from ..ocf import NOT_RUNNING, SUCCESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context


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
