"""Part of the monitor action: it compares HAProxy with the role, and corrects HAProxy."""

from __future__ import annotations

import os
import time

from .. import log, pacemaker, postgres, process, rolefile, runtime, silence
from ..apply import close_rest, describe, project
from ..memory import learn, remember, remembered, respected
from ..ocf import NOT_RUNNING, RUNNING_PROMOTED, SUCCESS, AgentError
from ..rolefile import Role
from ..routing import PROD, commands, wanted
from ..view import ClusterView

VOUCH_AFTER = 45
"""Seconds that PostgreSQL on a node must have run without a restart before Pacemaker's word on it
counts. PAF's monitor of a primary runs every 15 s, for 30 s at most: it has seen that PostgreSQL.
"""
PROMOTION = 3.0
"""Seconds from the end of PAF's promotion to the post-promote notification of HAProxy, with a
margin. A PostgreSQL that has run since before is the one that PAF has found promoted.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..params import Params


def reconcile(params: Params, promoted: bool = False, resource: str = "haproxy") -> int:
    """Returns the instance's state as an exit code. promoted: whether Pacemaker expects it to be;
    a role file that is gone is no reason to restart it.

    Raises Hung if HAProxy is there but does not answer, AgentError if its answer makes no sense.
    """
    haproxy = runtime.Runtime(runtime.admin_socket(params.statedir))
    try:
        have, up = haproxy.servers()
    except runtime.NotServing as error:
        if process.comes_back(params):
            have, up = haproxy.servers()
        elif process.leader(params):
            raise runtime.Hung(f"{error.reason}, but its process is there") from error
        else:
            return NOT_RUNNING
    role = remembered(params, promoted)
    silent = silence.read(params.statedir)
    serving = (PROD, role.view.primary or "") in up
    if not serving and role.view.settled:
        confirm(params)
    told = None
    # A silent node may have lost the role without a notification: Pacemaker is asked each time.
    serving = serving and silent is None
    # Asked once: where the DC has died, that takes all the time that it may.
    if (not role.view.settled or not serving) and pacemaker.idle():
        told = learn(params)
        role = reconsider(params, role, told)
    view = role.view
    state = RUNNING_PROMOTED if role.promoted else SUCCESS
    if told is None and view == ClusterView():
        # The memory is lost, and Pacemaker is at work or does not answer: what the notifications
        # made of HAProxy still holds, and to know nobody is no reason to serve nobody.
        return state
    asked = respected(params, role, resource)
    if asked is not role:
        role = asked
        log.info(f"monitor: {describe(project(params.statedir, role))}")
        have, up = haproxy.servers()
    lines = commands(have, wanted(view, sorted({node for _, node in have}), role.drained), up)
    if lines:
        log.warning(f"monitor: mending HAProxy, {view}: {describe(lines)}")
        remember(params, role.after("monitor", repaired=role.repaired + 1))
        for objection in haproxy.run(lines):
            log.warning(f"monitor: HAProxy refuses a command: {objection}")
        close_rest(params.statedir, lines)
    elif told is not None and told == view and silent is not None and not silent.trusted:
        vouch(params, view, silent, promoted_for(params, role))
    return state


def reconsider(params: Params, role: Role, told: ClusterView | None) -> Role:
    """Returns the role to follow where the remembered one serves nobody: Pacemaker's, which must be
    idle, or notifications are still to come. told: who is primary; None if it does not answer.
    """
    if told is None or told == role.view:
        return role
    log.warning(f"monitor: the notifications left {role.view}, Pacemaker says {told}")
    role = role.after("monitor", view=told)
    remember(params, role)
    return role


def confirm(params: Params) -> None:
    """Tells HAProxy that the local PostgreSQL is a primary, if it is one: HAProxy's own role in
    PostgreSQL may be unable to log in, and Pacemaker's word alone may be older than a crash.
    """
    try:
        postgres.confirm(params)
    except AgentError as error:
        log.warning(error.reason)


def promoted_for(params: Params, role: Role) -> float | None:
    """Returns the seconds since the promotion of the primary, if its notification was the last
    event; else None.
    """
    if role.event != "post-promote":
        return None
    try:
        age = time.time() - os.stat(rolefile.path(params.statedir)).st_mtime
    except OSError:
        return None
    return age if age >= 0 else None  # the clock was set back


def vouch(
    params: Params, view: ClusterView, silent: silence.Silence, promoted: float | None
) -> None:
    """Lets clients reach a primary whose own HAProxy is gone, so that nothing there says what
    PostgreSQL is. promoted: s since the notification of its promotion; None if that is not known.

    One failed connection is no evidence. It takes Pacemaker's word, while it is idle, and a
    PostgreSQL that PAF must have found to be the primary since its last start: its monitor, or its
    promotion, of which it has been a standby before. HAProxy ends this by itself with the first
    failed check, or when PostgreSQL there ends.
    """
    least = VOUCH_AFTER if promoted is None else min(VOUCH_AFTER, promoted + PROMOTION)
    if view.primary != silent.node or not (silent.standby or silent.seconds >= least):
        return
    path = f"{params.statedir}/vouched"
    try:
        rolefile.write_note(path, f"{silent.node} {silent.chain}")
    except OSError as error:
        text = f"new connections to prod wait until HAProxy on {silent.node} answers"
        log.warning(f"monitor: cannot write {path}: {error.strerror}; {text}")
        return
    log.warning(
        f"monitor: HAProxy on {view.primary} does not answer; Pacemaker vouches for its primary:"
        f" promoted, and not restarted for {silent.seconds} s"
    )
