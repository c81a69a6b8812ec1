"""The validate-all action."""

from __future__ import annotations

import os

from .. import configuration, log
from ..ocf import SUCCESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context


def validate_all(context: Context) -> int:
    """Checks what a start needs, without touching what runs. Raises Rejected."""
    params = configuration.wanted(context)
    os.unlink(configuration.make(params, context.node))
    log.tell("the parameters are valid, and HAProxy accepts the configuration made from them")
    return SUCCESS
