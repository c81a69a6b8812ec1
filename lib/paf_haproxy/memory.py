"""What this node believes of the cluster: its memory, and Pacemaker's present word."""

from __future__ import annotations

import os

from . import log, pacemaker, rolefile
from .command import CommandError
from .ocf import AgentError
from .rolefile import Role
from .view import ClusterView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .params import Params


def learn(params: Params) -> ClusterView | None:
    """Returns who is primary as Pacemaker knows it, or None if it does not answer."""
    try:
        found = pacemaker.promoted(params.pgsql_clone)
    except CommandError as error:
        log.warning(f"Pacemaker does not tell where {params.pgsql_clone} is promoted: {error}")
        return None
    return ClusterView(found[0] if len(found) == 1 else None)


def remembered(params: Params, promoted: bool = False) -> Role:
    """Returns the role file's content. If it cannot be trusted, or cannot be kept up to date, the
    log says so and nothing is known.

    promoted: what the local instance is then taken to be.
    """
    path = rolefile.path(params.statedir)
    try:
        role = rolefile.load(params.statedir)
        if role and not os.access(path, os.W_OK):
            raise AgentError(f"the role file {path} cannot be written, and may be out of date")
        return role or Role(ClusterView(), promoted)
    except AgentError as error:
        log.warning(error.reason)
        return Role(ClusterView(), promoted)


def remember(params: Params, role: Role) -> None:
    """Saves the role; where that cannot be, HAProxy follows it all the same."""
    try:
        rolefile.save(params.statedir, role)
    except AgentError as error:
        log.warning(error.reason)


def respected(params: Params, role: Role, resource: str) -> Role:
    """Returns the role with the nodes that a person drained, as the CIB has them by now."""
    try:
        drained = pacemaker.drained(resource)
    except AgentError:
        return role  # no cluster: as before
    if drained == role.drained:
        return role
    log.info(f"nodes drained with paf-haproxy drain: {' '.join(sorted(drained)) or 'none'}")
    role = role.after("monitor", drained=drained)
    remember(params, role)
    return role
