"""What systemd calls after it has started HAProxy. Not an action of Pacemaker's."""

from __future__ import annotations

from .. import log, rolefile
from ..apply import describe, project
from ..ocf import SUCCESS
from . import fast_monitor


def follow(statedir: str) -> int:
    """Brings a HAProxy that was started, and knows of no primary, in step with the role file.

    A notification may come meanwhile, and is not undone: the file's last word counts.
    """
    fast_monitor.forget(statedir)
    role = rolefile.load(statedir)
    while role is not None:
        changed = describe(project(statedir, role))
        log.info(f"HAProxy has started, and follows the role file: {role.view}; {changed}")
        done, role = role, rolefile.load(statedir)
        if role and (role.view, role.drained) == (done.view, done.drained):
            break
    return SUCCESS
