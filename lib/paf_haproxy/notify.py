"""The notify action: Pacemaker's word becomes HAProxy's state. The hot path."""

from __future__ import annotations

from . import log, paf, rolefile, runtime
from .cluster import ClusterView, announce
from .ocf import SUCCESS, AgentError
from .rolefile import Role
from .routing import closing, commands, wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .context import Context, Notice

SEVER_WITHIN = 1.0  # s


def notify(context: Context) -> int:
    """Follows one notification. Its exit code is ignored by Pacemaker; what fails here is said,
    and mended by the next monitor.
    """
    notice = context.notice
    try:
        role = rolefile.load(context.statedir) or Role(ClusterView())
    except AgentError as error:
        log.warning(f"{error.reason}; starting from nothing")
        role = Role(ClusterView())
    view = announce(role.view, notice)
    if view == role.view:
        log.info(f"{notice.event}: nothing changes, {view}")
        return SUCCESS
    if notice.event == "pre-demote":
        paf.await_notify()
    gone = lost(context.node, view, notice)
    # Memory first: if HAProxy cannot follow now, the monitor knows what it should have done.
    role = role.after(notice.event, view=view, notified=role.notified + 1)
    rolefile.save(context.statedir, role)
    changed = describe(project(context.statedir, role, gone))
    if gone:
        sever(context.statedir, gone)
        changed += f"; {' '.join(sorted(gone))} lost, its sessions closed"
    log.info(f"{notice.event}: {view}; {changed}")
    return SUCCESS


def lost(node: str, view: ClusterView, notice: Notice) -> frozenset[str]:
    """Returns the nodes that were, or may have been, the primary, and are no more in the cluster.

    A machine without power closes no connection. Its clients would wait until the new primary has
    been told, a second after they could be served. One that only hands over stops nothing, and owes
    its standbys the last of its WAL: nobody is asked about it.
    """
    gone = view.leaving & frozenset(notice.stop)
    if not gone:
        return gone
    from . import pacemaker

    try:
        members = pacemaker.members()
        # Whoever does not know of this node, either, knows nothing.
        return gone - members if node in members else frozenset()
    except AgentError as error:
        log.warning(f"{error.reason}; sessions to {' '.join(sorted(gone))} stay for now")
        return frozenset()


def sever(statedir: str, gone: Iterable[str]) -> None:
    """Has the kernel drop this machine's connections to PostgreSQL on nodes that are gone.

    A process that a reload left behind takes no orders any more, and a standby's replication may
    pass through it: commits would wait for that standby until the keepalives give up. Where the
    kernel cannot (INET_DIAG_DESTROY, ss(8)), they do.
    """
    from . import run

    try:
        addresses = runtime.Runtime(runtime.admin_socket(statedir)).addresses()
        for where in (addresses[node] for node in gone if node in addresses):
            run.run(["ss", "--kill", "--tcp", "--no-header", "dst", where], SEVER_WITHIN)
    except AgentError as error:
        names = " ".join(sorted(gone))
        log.warning(f"{error.reason}; connections to {names} end by their keepalives")


def project(statedir: str, role: Role, gone: Iterable[str] = ()) -> list[str]:
    """Makes HAProxy's servers what the role wants, and closes sessions to the nodes that are gone.
    Returns the commands that it took.

    Raises AgentError if HAProxy cannot be reached or objects.
    """
    haproxy = runtime.Runtime(runtime.admin_socket(statedir))
    have, up = haproxy.servers()
    lines = commands(have, wanted(role.view, sorted({node for _, node in have}), role.drained), up)
    lines += closing(have, gone)
    objections = haproxy.run(lines)
    if objections:
        raise AgentError(f"HAProxy objects: {'; '.join(objections)}")
    return lines


def describe(lines: list[str]) -> str:
    """Returns the changes of state in a few words, e.g. 'prod/srv1 drain, stdby/srv2 ready'."""
    changes = [line.split() for line in lines if " state " in line]
    return ", ".join(f"{words[2]} {words[4]}" for words in changes) or "no server changes"
