"""A change of primary that this node's notifications did not tell: they are lost, or hang.

HAProxy writes a note if no server of prod serves while PostgreSQL on a node in maintenance says
that it is the primary (missed_change.lua). systemd then starts `report`. The monitor would learn of
the change only after the notifications that hang. HAProxy's note alone changes nothing: Pacemaker
must say that the node is promoted.

A notification may run at the same time, and takes no lock. It writes the role file first and then
HAProxy's states. So the role file must be the same before and after Pacemaker was asked, and what a
notification writes later counts (apply.settle).
"""

from __future__ import annotations

import time

from . import haproxy_note, log, postmaster, rolefile, supervisor
from .apply import describe, settle
from .memory import learn
from .ocf import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .params import Params
    from .rolefile import Role
    from .view import ClusterView

NOTED = "missed"  # the second word of HAProxy's note (role_memory.lua)
EVENT = "missed-change"
FRESH = 10.0  # s that a note is valid
PATIENCE = 3.0
"""s for Pacemaker to say that the node is promoted: PAF's promotion may not have ended yet. HAProxy
writes another note after that (missed_change.lua)."""
PAUSE = 0.5  # s between two questions


def follow(params: Params) -> bool:
    """Brings HAProxy to the primary that it has written a note about, if Pacemaker confirms it.
    Returns whether there was such a note.
    """
    node = claimed(params.statedir)
    if not node:
        return False
    end = time.monotonic() + PATIENCE
    try:
        while attempt(params, node) and time.monotonic() < end and not _crashed(params):
            time.sleep(PAUSE)
    except AgentError as error:
        log.warning(f"{EVENT}: {error.reason}")
    return True


def attempt(params: Params, node: str) -> bool:
    """Brings HAProxy to this primary if Pacemaker confirms it, and this node does not know it.
    Returns whether another attempt may do so.

    Raises AgentError if the role file cannot be read or written, or HAProxy cannot follow.
    """
    role = rolefile.load(params.statedir)
    # Without a role file this HAProxy is being stopped, or the monitor asks Pacemaker.
    if role is None or not unknown(role.view, node):
        return False
    told = learn(params)
    if told is None or told.primary != node:
        return True
    again = rolefile.load(params.statedir)
    if again is None or _content(again) != _content(role):
        return True  # a notification has come meanwhile
    known = role.after(EVENT, view=told, repaired=role.repaired + 1)
    rolefile.save(params.statedir, known)
    log.warning(f"{EVENT}: the notifications left {role.view}, Pacemaker says {told}")
    for now, lines in settle(params.statedir, known):
        log.info(f"{EVENT}: {now.view}; {describe(lines)}")
    return False


def unknown(view: ClusterView, node: str) -> bool:
    """Returns whether this node does not expect that this primary serves. What leaves is not
    brought back: a notification has announced its end, and Pacemaker may not have recorded it yet.
    Pure.
    """
    return node not in {view.primary, view.candidate, *view.leaving}


def claimed(statedir: str) -> str:
    """Returns the node that HAProxy has written a note about, or ''."""
    words = haproxy_note.words(supervisor.note_path(statedir), FRESH)
    return words[2] if len(words) == 3 and words[1] == NOTED else ""


def _crashed(params: Params) -> bool:
    """Returns whether the local PostgreSQL has crashed, which must be reported at once."""
    return postmaster.crashed(params.pghost, params.pgport) != ""


def _content(role: Role) -> tuple[object, ...]:
    return tuple(getattr(role, name) for name in role.__slots__)
