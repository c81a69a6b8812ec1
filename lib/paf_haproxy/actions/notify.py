"""The notify action: Pacemaker's word becomes HAProxy's state. The hot path."""

from __future__ import annotations

from .. import log, paf_notify, rolefile
from ..apply import describe, project
from ..ocf import SUCCESS, AgentError
from ..rolefile import Role
from ..view import announce, before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..context import Context, Notice
    from ..pooler import Pooler
    from ..view import ClusterView


def notify(context: Context) -> int:
    """Follows one notification. Its exit code is ignored by Pacemaker; what fails here is said,
    and mended by the next monitor.
    """
    notice = context.notice
    try:
        role = rolefile.load(context.statedir) or Role(before(notice))
    except AgentError as error:
        log.warning(f"{error.reason}; HAProxy follows the notification")
        role = Role(before(notice))
    old = role.view
    view = announce(old, notice)
    if view == old:
        log.info(f"{notice.event}: nothing changes, {view}")
        return SUCCESS
    gone = lost(context.node, view, notice)
    if notice.event == "pre-demote" and not gone and paf_waits(context):
        log.info(f"pre-demote: {view}; nothing changes yet, PAF waits for HAProxy's post-demote")
        return SUCCESS
    if notice.event in ("pre-demote", "post-demote"):
        paf_notify.await_notify(context.parameters.get("pgsql_clone", ""))
    # Memory first: if HAProxy cannot follow now, the monitor knows what it should have done.
    role = role.after(notice.event, view=view, notified=role.notified + 1)
    try:
        rolefile.save(context.statedir, role)
    except AgentError as error:
        # The role file is out of date now. If it is gone, the monitor asks Pacemaker.
        rolefile.forget(context.statedir)
        log.warning(f"{error.reason}; HAProxy follows without it")
    early = notice.event == "post-demote" and not gone  # PostgreSQL serves until this has ended
    pooler = ask_pooler(context, old, view, gone) if early else None
    changed = describe(project(context.statedir, role, gone))
    pooler = pooler if early else ask_pooler(context, old, view, gone)
    if pooler:
        changed += pooler.follow()
    if gone:
        changed += f"; {' '.join(sorted(gone))} lost, its sessions closed"
    log.info(f"{notice.event}: {view}; {changed}")
    return SUCCESS


def ask_pooler(
    context: Context, old: ClusterView, view: ClusterView, gone: Iterable[str]
) -> Pooler | None:
    """Returns the PgBouncer of this node; None if there is none, or if it has nothing to do."""
    if not context.parameters.get("pooler"):
        return None
    from .. import pooler

    return pooler.ask(context, pooler.Change(old, view, gone))


def paf_waits(context: Context) -> bool:
    """Returns whether PAF stops PostgreSQL only after HAProxy's post-demote notification. That is
    so with PgBouncer if a constraint says so: transactions on the primary can end before it stops.
    """
    if not context.parameters.get("pooler"):
        return False
    from .. import pacemaker  # PAF's notify runs meanwhile and takes longer

    clone = context.parameters.get("pgsql_clone") or paf_notify.CLONE
    return pacemaker.demote_waits(context.instance, clone)


def lost(node: str, view: ClusterView, notice: Notice) -> frozenset[str]:
    """Returns the nodes that were, or may have been, the primary, and are no more in the cluster.

    A machine without power closes no connection. Its clients would wait until the new primary has
    been told, a second after they could be served. One that only hands over stops nothing, and owes
    its standbys the last of its WAL: nobody is asked about it.
    """
    gone = view.leaving & frozenset(notice.stop)
    if not gone:
        return gone
    from .. import pacemaker

    try:
        members = pacemaker.members()
        # Whoever does not know of this node, either, knows nothing.
        return gone - members if node in members else frozenset()
    except AgentError as error:
        log.warning(f"{error.reason}; sessions to {' '.join(sorted(gone))} stay for now")
        return frozenset()
