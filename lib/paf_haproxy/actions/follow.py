"""What systemd calls after it has started HAProxy. Not an action of Pacemaker's."""

from __future__ import annotations

from .. import log, rolefile
from ..apply import describe, settle
from ..ocf import SUCCESS
from . import fast_monitor


def follow(statedir: str) -> int:
    """Brings a HAProxy that was started, and knows of no primary, in step with the role file."""
    fast_monitor.forget(statedir)
    role = rolefile.load(statedir)
    if role is not None:
        for now, lines in settle(statedir, role):
            changed = describe(lines)
            log.info(f"HAProxy has started, and follows the role file: {now.view}; {changed}")
    return SUCCESS
